-- sale/known: what is known under keys, by their places among those asked about.
SELECT q.place, x.date, x.amount, x.currency
FROM unnest($1::date[], $2::text[]) WITH ORDINALITY AS q (day, transaction_id, place)
CROSS JOIN LATERAL (
    SELECT x.date, x.amount, x.currency FROM sale x
    WHERE x.day = q.day AND x.feed_id = $3 AND x.transaction_id = q.transaction_id OFFSET 0) x
