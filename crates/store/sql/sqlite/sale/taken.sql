-- sale/taken: the matched sales of a MID list and amount within one UTC day's range of time, each
-- with the payment that has it.
SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
       s.first_six, s.last_four, s.auth_code, s.created_at, m.payment_transaction_id
FROM sale s
JOIN pairing m ON m.scheme_transaction_id = s.id AND m.voided_at IS NULL AND m.sale_part = 0
WHERE s.day = ?1 AND s.mid_set_id = ?2 AND s.amount = ?3 AND s.date BETWEEN ?4 AND ?5
