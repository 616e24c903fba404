-- audit_log/last: the hash of the newest entry.
SELECT hash FROM audit_log ORDER BY id DESC LIMIT 1
