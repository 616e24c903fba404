-- purge/raws: a page of the raw records of a month, those after a number, and whether each may go:
-- nothing that was read from it is there any more.
SELECT r.id,
       NOT EXISTS (SELECT 1 FROM payment p WHERE p.id = r.id)
       AND NOT EXISTS (SELECT 1 FROM sale s WHERE s.id = r.id)
       AND NOT EXISTS (SELECT 1 FROM rejected_record b WHERE b.import_transaction_id = r.id)
FROM import_transaction r
WHERE r.month = $1 AND r.id > $2
ORDER BY r.id
LIMIT $3
