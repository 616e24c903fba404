-- payment/undecided: the payments of a range that have no match, in the order they came.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.amount, p.currency,
       p.card_token, p.first_six, p.last_four, p.auth_code, p.created_at, o.reason,
       u.payment_transaction_id, u.loyalty_id, u.user_id, u.scheme_account_id,
       u.payment_card_account_id, u.first_six,
       u.last_four, u.expiry_month, u.expiry_year, p.settlement_key
FROM payment p
LEFT JOIN open_payment o ON o.payment_transaction_id = p.id
LEFT JOIN user_identity u ON u.payment_transaction_id = p.id
WHERE p.id BETWEEN ?1 AND ?2
  AND NOT EXISTS (SELECT 1 FROM pairing m
                  WHERE m.payment_transaction_id = p.id AND m.voided_at IS NULL)
ORDER BY p.id
