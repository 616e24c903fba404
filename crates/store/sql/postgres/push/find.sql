-- push/find: what was answered before to requests of a feed, by their places among those asked about.
SELECT q.place, p.body_hash, p.receipt::text
FROM unnest($2::bytea[]) WITH ORDINALITY AS q (key_hash, place)
JOIN push_log p ON p.feed_name = $1 AND p.key_hash = q.key_hash
