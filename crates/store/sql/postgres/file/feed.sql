-- file/feed: the feed of a file of the log, and what it brings.
SELECT f.id, f.feed_type FROM import_file_log l JOIN feed f ON f.id = l.feed_id WHERE l.id = $1
