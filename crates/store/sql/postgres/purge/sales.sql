-- purge/sales: a page of the sales before a day, those after a key, and whether each may go: it came
-- long ago, has no match, and no record waits that may turn out to be it.
SELECT s.day, s.feed_id, s.transaction_id, s.id, NULL::bigint,
       s.created_at < $5
       AND NOT EXISTS (SELECT 1 FROM pairing m
                       WHERE m.scheme_transaction_id = s.id AND m.voided_at IS NULL)
       AND NOT EXISTS (SELECT 1 FROM rejected_record r
                       WHERE r.state = 'QUARANTINED' AND r.feed_id = s.feed_id
                         AND r.day = s.day AND r.transaction_id = s.transaction_id)
FROM sale s
WHERE (s.day, s.feed_id, s.transaction_id) > ($1, $2, $3) AND s.day < $4
ORDER BY s.day, s.feed_id, s.transaction_id
LIMIT $6
