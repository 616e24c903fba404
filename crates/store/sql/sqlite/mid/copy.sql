-- mid/copy: a row goes on after the term of another.
INSERT INTO merchant_identifier
    (payment_provider_slug, identifier, identifier_type, loyalty_scheme_id, location_id,
     merchant_internal_id, location, postcode, valid_from, valid_to)
SELECT payment_provider_slug, identifier, identifier_type, loyalty_scheme_id, location_id,
       merchant_internal_id, location, postcode, ?2, ?3
FROM merchant_identifier WHERE id = ?1
