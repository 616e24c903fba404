-- audit_log/last: the number and the hash of the newest entry.
SELECT id, hash FROM audit_log ORDER BY id DESC LIMIT 1
