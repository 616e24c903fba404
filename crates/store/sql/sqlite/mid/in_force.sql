-- mid/in_force: the identifiers in force.
SELECT i.id, i.payment_provider_slug, i.identifier_type, i.identifier, i.loyalty_scheme_id, s.slug,
       i.location_id, i.merchant_internal_id
FROM merchant_identifier i
JOIN loyalty_scheme s ON s.id = i.loyalty_scheme_id
WHERE i.valid_to IS NULL
ORDER BY i.id
