-- file/list: the newest files first.
SELECT id, feed_name, source, size_bytes, sha256, state, refusal, records_read, new, duplicate,
       skipped, rejected, quarantined, created_at
FROM import_file_log ORDER BY id DESC LIMIT $1
