-- payment/undecided: the payments of ranges that have no match, in the order they came. What belongs to
-- each is probed through its index, whatever is known of how large the tables are.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.amount, p.currency,
       p.card_token, p.first_six, p.last_four, p.auth_code, p.created_at, o.reason,
       u.payment_transaction_id, u.loyalty_id, u.user_id, u.scheme_account_id,
       u.payment_card_account_id, u.first_six, u.last_four, u.expiry_month, u.expiry_year, p.settlement_key
FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
CROSS JOIN LATERAL (
    SELECT * FROM payment p
    WHERE p.id BETWEEN r.first AND r.last
      AND NOT EXISTS (SELECT 1 FROM pairing m
                      WHERE m.payment_transaction_id = p.id AND m.voided_at IS NULL OFFSET 0)
    ORDER BY p.id OFFSET 0) p
LEFT JOIN LATERAL (SELECT o.reason FROM open_payment o
                   WHERE o.payment_transaction_id = p.id OFFSET 0) o ON true
LEFT JOIN LATERAL (SELECT * FROM user_identity u
                   WHERE u.payment_transaction_id = p.id OFFSET 0) u ON true
ORDER BY p.id
