-- file/find_unfinished: the log row of this very file, if its import was interrupted.
SELECT f.id, f.records_read, j.id, j.leased_until, j.lease_holder
FROM import_file_log f
JOIN job j ON j.queue = 'import' AND j.work = jsonb_build_object('file', f.id)
WHERE f.sha256 = $1 AND f.feed_id = $2 AND f.feed_name = $3 AND f.canonical = $4
  AND f.state = 'IMPORTING'
ORDER BY f.id
LIMIT 1
