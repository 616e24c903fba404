-- mid/insert: an identifier in force within a term.
INSERT INTO merchant_identifier
    (id, payment_provider_slug, identifier, identifier_type, loyalty_scheme_id, location_id,
     merchant_internal_id, location, postcode, valid_from, valid_to)
VALUES ($11, $1, $2, $3, (SELECT id FROM loyalty_scheme WHERE slug = $4), $5, $6, $7, $8, $9, $10)
