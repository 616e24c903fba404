-- mid/in_force: the identifiers that are in force without end.
SELECT i.id, i.payment_provider_slug, i.identifier_type, i.identifier, i.loyalty_scheme_id, s.slug,
       i.location_id, i.merchant_internal_id, i.valid_from, i.valid_to
FROM merchant_identifier i
JOIN loyalty_scheme s ON s.id = i.loyalty_scheme_id
WHERE i.valid_to IS NULL
ORDER BY i.id
