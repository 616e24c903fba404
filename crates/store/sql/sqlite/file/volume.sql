-- file/volume: how many records of a feed came on each UTC day since one.
SELECT created_at / 86400000000 AS day, sum(records_read) FROM import_file_log
WHERE feed_name = ?1 AND state = 'IMPORTED' AND created_at >= ?2 * 86400000000
GROUP BY day ORDER BY day
