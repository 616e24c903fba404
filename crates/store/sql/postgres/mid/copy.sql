-- mid/copy: a row goes on after the term of another.
INSERT INTO merchant_identifier
    (id, payment_provider_slug, identifier, identifier_type, loyalty_scheme_id, location_id,
     merchant_internal_id, location, postcode, valid_from, valid_to)
SELECT $4::bigint, payment_provider_slug, identifier, identifier_type, loyalty_scheme_id, location_id,
       merchant_internal_id, location, postcode, $2::timestamptz, $3::timestamptz
FROM merchant_identifier WHERE id = $1
