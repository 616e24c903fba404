-- file/begin_messages: the row of a feed's messages from one source on a day. Nothing of it is ever
-- unfinished: each batch is one commit.
INSERT INTO import_file_log
    (id, feed_id, feed_name, canonical, source, size_bytes, sha256, state, created_at, finished_at)
VALUES ($1, $2, $3, $4, $5, 0, '', 'IMPORTED', $6, $6)
