-- push/prune: forgets the oldest answers that are older than they are kept.
DELETE FROM push_log WHERE id IN (
    SELECT id FROM push_log WHERE created_at < $1 ORDER BY created_at LIMIT $2
    FOR UPDATE SKIP LOCKED)
