-- file/last: when something of a feed was imported last.
SELECT max(greatest(created_at, finished_at)) FROM import_file_log
WHERE feed_name = $1 AND state = 'IMPORTED'
