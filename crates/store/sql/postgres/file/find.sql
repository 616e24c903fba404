-- file/find: one file of the log.
SELECT id, feed_name, source, size_bytes, sha256, state, refusal, records_read, new, duplicate,
       skipped, rejected, quarantined, created_at
FROM import_file_log WHERE id = $1
