-- push/find: what was answered before to a request of a feed.
SELECT body_hash, receipt FROM push_log WHERE feed_name = ?1 AND key_hash = ?2
