-- push/insert: what was answered to a request that carries a key.
INSERT INTO push_log (feed_name, key_hash, body_hash, file_id, receipt, created_at)
VALUES ($1, $2, $3, $4, $5::text::json, $6)
