-- status/feeds: what became of the records of each feed.
SELECT feed_name, sum(new), sum(duplicate), sum(skipped), sum(rejected), sum(quarantined)
FROM import_file_log GROUP BY feed_name ORDER BY feed_name
