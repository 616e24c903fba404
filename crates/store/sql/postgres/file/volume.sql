-- file/volume: how many records of a feed came on each UTC day since a time.
SELECT floor(extract(epoch FROM created_at) / 86400)::bigint AS day, sum(records_read)::bigint
FROM import_file_log
WHERE feed_name = $1 AND state = 'IMPORTED' AND created_at >= $2
GROUP BY day ORDER BY day
