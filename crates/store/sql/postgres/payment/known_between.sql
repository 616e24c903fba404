-- payment/known_between: what is known of payments of days with keys between two, in their
-- order, as far as a limit.
SELECT x.day, x.transaction_id, x.date, x.amount, x.currency
FROM unnest($1::date[], $2::text[], $3::text[]) AS q (day, first, last)
CROSS JOIN LATERAL (
    SELECT x.day, x.transaction_id, x.date, x.amount, x.currency FROM payment x
    WHERE x.day = q.day AND x.feed_id = $4 AND x.transaction_id BETWEEN q.first AND q.last
    ORDER BY x.transaction_id LIMIT $5) x
LIMIT $5
