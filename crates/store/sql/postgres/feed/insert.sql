-- feed/insert: a provider's or scheme's feed of a type.
INSERT INTO feed (provider_slug, feed_type) VALUES ($1, $2) ON CONFLICT DO NOTHING
