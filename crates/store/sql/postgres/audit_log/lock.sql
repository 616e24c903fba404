-- audit_log/lock: entries are chained one at a time.
LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE
