-- payment/known_between: what is known of payments of days with keys between two, as far as a limit.
SELECT x.day, x.transaction_id, x.date, x.amount, x.currency
FROM unnest($1::date[], $2::text[], $3::text[]) AS q (day, first, last)
CROSS JOIN LATERAL (
    SELECT x.day, x.transaction_id, x.date, x.amount, x.currency FROM payment x
    WHERE x.day = q.day AND x.feed_id = $4 AND x.transaction_id BETWEEN q.first AND q.last
    OFFSET 0) x
LIMIT $5
