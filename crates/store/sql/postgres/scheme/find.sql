-- scheme/find: the scheme of a slug.
SELECT id FROM loyalty_scheme WHERE slug = $1
