-- audit_log/list: the entries after one, oldest first.
SELECT id, at, operator, action, detail::text, hash FROM audit_log WHERE id > $1 ORDER BY id LIMIT $2
