-- provider/add: a provider that may be known.
INSERT INTO payment_provider (slug, name) VALUES ($1, $2) ON CONFLICT (slug) DO NOTHING
