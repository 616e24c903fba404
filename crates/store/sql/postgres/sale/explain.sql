-- sale/explain: what deciding would see of one sale, its own id, and the payment it is matched to.
SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
       s.first_six, s.last_four, s.auth_code, s.created_at, s.transaction_id, p.transaction_id, p.id
FROM sale s
LEFT JOIN pairing m ON m.scheme_transaction_id = s.id AND m.voided_at IS NULL
LEFT JOIN payment p ON p.id = m.payment_transaction_id
WHERE s.id = $1
