-- purge/rejects: a page of bad records, those after a row, and whether each may go: it was taken up
-- long ago and what came of it is gone, or it came too old long ago. The newest stays, so that its
-- number is never given again.
SELECT r.id, r.import_transaction_id,
       r.created_at < $2 AND r.id < (SELECT max(id) FROM rejected_record)
       AND (r.state = 'REPLAYED' AND r.replayed_at < $2
            OR r.state = 'REJECTED' AND r.reason = 'TOO_OLD')
       AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.id = r.import_transaction_id)
       AND NOT EXISTS (SELECT 1 FROM sale s WHERE s.id = r.import_transaction_id)
FROM rejected_record r
WHERE r.id > $1
ORDER BY r.id
LIMIT $3
