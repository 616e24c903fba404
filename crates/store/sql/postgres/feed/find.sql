-- feed/find: the row of a provider's or scheme's feed of a type.
SELECT id FROM feed WHERE provider_slug = $1 AND feed_type = $2
