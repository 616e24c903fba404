-- purge/raw_staying: the raw records of a month from which something was read that is still there, in
-- the order of their numbers, between two of them. They are looked for by what was read, of which there
-- is little.
(SELECT p.id FROM payment p
 WHERE p.id > $2 AND p.id <= $3
   AND EXISTS (SELECT 1 FROM import_transaction r WHERE r.id = p.id AND r.month = $1 OFFSET 0)
 ORDER BY p.id LIMIT $4::bigint + $5::bigint)
UNION
(SELECT s.id FROM sale s
 WHERE s.id > $2 AND s.id <= $3
   AND EXISTS (SELECT 1 FROM import_transaction r WHERE r.id = s.id AND r.month = $1 OFFSET 0)
 ORDER BY s.id LIMIT $4::bigint + $5::bigint)
UNION
(SELECT b.import_transaction_id FROM rejected_record b
 WHERE b.import_transaction_id > $2 AND b.import_transaction_id <= $3
   AND EXISTS (SELECT 1 FROM import_transaction r
               WHERE r.id = b.import_transaction_id AND r.month = $1 OFFSET 0)
 ORDER BY b.import_transaction_id LIMIT $4::bigint + $5::bigint)
ORDER BY 1 LIMIT $4::bigint OFFSET $5::bigint
