-- feed/all: whose every feed is, and what it brings.
SELECT id, provider_slug, feed_type FROM feed
