-- payment/explain: what deciding would see of one payment, matched or not.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.amount, p.currency,
       p.card_token, p.first_six, p.last_four, p.auth_code, p.created_at, o.reason,
       u.payment_transaction_id, u.loyalty_id, u.user_id, u.scheme_account_id,
       u.payment_card_account_id, u.first_six,
       u.last_four, u.expiry_month, u.expiry_year, p.settlement_key
FROM payment p
LEFT JOIN open_payment o ON o.payment_transaction_id = p.id
LEFT JOIN user_identity u ON u.payment_transaction_id = p.id
WHERE p.id = ?1
