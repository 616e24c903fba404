-- purge/attempt_staying: the attempts of a month by which an export that is kept was last tried, and the
-- newest, in the order of their numbers, between two of them.
(SELECT DISTINCT d.export_attempt_id FROM delivery d
 WHERE d.export_attempt_id > $2 AND d.export_attempt_id <= $3
   AND EXISTS (SELECT 1 FROM export_attempt a
               WHERE a.id = d.export_attempt_id AND a.month = $1 OFFSET 0)
 ORDER BY d.export_attempt_id LIMIT $4::bigint + $5::bigint)
UNION
(SELECT a.id FROM export_attempt a
 WHERE a.month = $1 AND a.id > $2 AND a.id = (SELECT max(id) FROM export_attempt))
ORDER BY 1 LIMIT $4::bigint OFFSET $5::bigint
