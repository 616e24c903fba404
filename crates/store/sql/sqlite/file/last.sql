-- file/last: when something of a feed was imported last.
SELECT max(max(created_at, coalesce(finished_at, created_at))) FROM import_file_log
WHERE feed_name = ?1 AND state = 'IMPORTED'
