-- file/of_messages: the row of a feed's messages from one source on a day.
SELECT id FROM import_file_log
WHERE feed_name = $1 AND state = 'IMPORTED' AND created_at >= $2 AND created_at < $3
  AND feed_id = $4 AND canonical = $5 AND source = $6 AND sha256 = ''
ORDER BY id LIMIT 1
