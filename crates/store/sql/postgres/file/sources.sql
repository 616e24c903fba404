-- file/sources: where the newest files of a feed came from.
SELECT source FROM import_file_log
WHERE feed_name = $1 AND state = 'IMPORTED'
ORDER BY created_at DESC, id DESC LIMIT $2
