-- Both sides are taken.
UPDATE txn SET status = 1
FROM (SELECT pid AS id FROM m UNION ALL SELECT sid FROM m) q
WHERE txn.id = q.id
