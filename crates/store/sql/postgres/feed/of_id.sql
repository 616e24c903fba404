-- feed/of_id: whose a feed is, and what it brings.
SELECT provider_slug, feed_type FROM feed WHERE id = $1
