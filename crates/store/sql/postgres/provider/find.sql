-- provider/find: the provider of a slug.
SELECT id FROM payment_provider WHERE slug = $1
