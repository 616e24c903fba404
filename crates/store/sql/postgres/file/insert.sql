-- file/insert: a file whose import begins.
INSERT INTO import_file_log
    (id, feed_id, feed_name, canonical, source, size_bytes, sha256, state, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'IMPORTING', $8)
