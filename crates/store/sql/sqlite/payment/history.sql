-- payment/history: a scheme's payments of a range of time that rules decide, and what became of them.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.amount, p.currency,
       p.first_six, p.last_four, p.auth_code, p.created_at,
       u.id IS NOT NULL, u.first_six, u.last_four,
       o.reason, m.matching_type, m.scheme_transaction_id
FROM payment p
LEFT JOIN user_identity u ON u.payment_transaction_id = p.id
LEFT JOIN open_payment o ON o.payment_transaction_id = p.id
LEFT JOIN pairing m ON m.payment_transaction_id = p.id AND m.voided_at IS NULL
WHERE p.scheme_id = ?1 AND p.date >= ?2 AND p.date < ?3
  AND (m.id IS NULL OR m.matching_type IN ('LOYALTY', 'SPOTTED', 'FORCED'))
ORDER BY p.id
