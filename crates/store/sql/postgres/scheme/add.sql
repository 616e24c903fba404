-- scheme/add: a scheme that may be known.
INSERT INTO loyalty_scheme (slug, name) VALUES ($1, $2) ON CONFLICT (slug) DO NOTHING
