-- payment/by_key: the payments with a transaction id, whichever feed they came by. No index begins with
-- that id: it is looked up in each day there is.
WITH RECURSIVE days (day) AS (
    (SELECT min(day) FROM payment)
    UNION ALL
    SELECT (SELECT min(x.day) FROM payment x WHERE x.day > d.day) FROM days d WHERE d.day IS NOT NULL)
SELECT found.id FROM days d
CROSS JOIN LATERAL (
    SELECT x.id, f.id AS feed_id FROM feed f
    CROSS JOIN LATERAL (
        SELECT x.id FROM payment x
        WHERE x.day = d.day AND x.feed_id = f.id AND x.transaction_id = $1 OFFSET 0) x
    OFFSET 0) found
ORDER BY d.day, found.feed_id
