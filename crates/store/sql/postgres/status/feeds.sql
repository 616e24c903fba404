-- status/feeds: what became of the records of each feed.
SELECT feed_name, sum(new)::bigint, sum(duplicate)::bigint, sum(skipped)::bigint,
       sum(rejected)::bigint, sum(quarantined)::bigint
FROM import_file_log GROUP BY feed_name ORDER BY feed_name
