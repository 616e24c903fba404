-- purge/keep_from: what is of an earlier day may be purged from now on. It never moves back.
INSERT INTO retention (id, kept_from, updated_at) VALUES (1, $1, $2)
ON CONFLICT (id) DO UPDATE SET kept_from = excluded.kept_from, updated_at = excluded.updated_at
    WHERE excluded.kept_from > retention.kept_from
