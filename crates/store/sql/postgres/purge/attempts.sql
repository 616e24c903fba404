-- purge/attempts: a page of attempts to tell merchants, of some months, those after a row, and whether
-- each may go: it was made long ago, and no export that is kept was last tried by it. The newest stays,
-- so that there is one.
SELECT a.id,
       a.created_at < $2 AND a.id < (SELECT max(id) FROM export_attempt)
       AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.export_attempt_id = a.id)
FROM export_attempt a
WHERE a.id > $1 AND a.month = ANY ($4::date[])
ORDER BY a.id
LIMIT $3
