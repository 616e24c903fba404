-- payment/undecided: the payments of ranges that have no match, in the order they came.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.amount, p.currency,
       p.card_token, p.first_six, p.last_four, p.auth_code, p.created_at, o.reason,
       u.id, u.loyalty_id, u.user_id, u.scheme_account_id, u.payment_card_account_id, u.first_six,
       u.last_four, u.expiry_month, u.expiry_year, p.settlement_key
FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
JOIN payment p ON p.id BETWEEN r.first AND r.last
LEFT JOIN open_payment o ON o.payment_transaction_id = p.id
LEFT JOIN user_identity u ON u.payment_transaction_id = p.id
WHERE NOT EXISTS (SELECT 1 FROM pairing m
                  WHERE m.payment_transaction_id = p.id AND m.voided_at IS NULL)
ORDER BY p.id
