-- mid/find: the identifier in force under this name, and its scheme.
SELECT i.id, s.slug, i.location_id, i.merchant_internal_id, i.location, i.postcode
FROM merchant_identifier i
JOIN loyalty_scheme s ON s.id = i.loyalty_scheme_id
WHERE i.payment_provider_slug = ?1 AND i.identifier_type = ?2 AND i.identifier = ?3
  AND i.valid_to IS NULL
