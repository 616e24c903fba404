-- sale/history: a scheme's sales of a range of imports, each with the payment it is matched to.
SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
       s.first_six, s.last_four, s.auth_code, s.created_at, m.payment_transaction_id
FROM sale s
LEFT JOIN pairing m ON m.scheme_transaction_id = s.id AND m.voided_at IS NULL AND m.sale_part = 0
WHERE s.scheme_id = $1 AND s.created_at BETWEEN $2 AND $3
ORDER BY s.id
