-- mid/held: the rows of an identifier, each with its scheme, its place and its term.
SELECT i.id, s.slug, i.location_id, i.merchant_internal_id, i.location, i.postcode,
       i.valid_from, i.valid_to
FROM merchant_identifier i
JOIN loyalty_scheme s ON s.id = i.loyalty_scheme_id
WHERE i.payment_provider_slug = $1 AND i.identifier_type = $2 AND i.identifier = $3
  AND (i.valid_to IS NULL OR i.valid_to > i.valid_from)
ORDER BY i.id
