-- payment/is_touched: whether anything is known already of any payment of ranges: what became of it, why
-- it is open, whose card it was. One probe of each index a range, however many payments that is.
SELECT EXISTS (
    SELECT FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
    CROSS JOIN LATERAL (
        (SELECT FROM pairing m
         WHERE m.payment_transaction_id BETWEEN r.first AND r.last AND m.voided_at IS NULL LIMIT 1)
        UNION ALL
        (SELECT FROM pairing m
         WHERE m.payment_transaction_id BETWEEN r.first AND r.last
           AND m.voided_at IS NOT NULL LIMIT 1)
        UNION ALL
        (SELECT FROM open_payment o
         WHERE o.payment_transaction_id BETWEEN r.first AND r.last LIMIT 1)
        UNION ALL
        (SELECT FROM user_identity u
         WHERE u.payment_transaction_id BETWEEN r.first AND r.last LIMIT 1)
        LIMIT 1) known)
