-- payment/history: a scheme's payments of a range of time that rules decide, and what became of them;
-- what a settlement lacks is the authorisation's.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.amount, p.currency,
       coalesce(p.first_six, a.first_six), coalesce(p.last_four, a.last_four),
       coalesce(p.auth_code, a.auth_code), p.created_at,
       u.payment_transaction_id IS NOT NULL, u.first_six, u.last_four,
       o.reason, m.matching_type, m.scheme_transaction_id
FROM payment p
LEFT JOIN user_identity u ON u.payment_transaction_id = p.id
LEFT JOIN open_payment o ON o.payment_transaction_id = p.id
LEFT JOIN pairing m ON m.payment_transaction_id = p.id AND m.voided_at IS NULL
                   AND m.payment_part = 0
LEFT JOIN pairing x ON x.other_payment_transaction_id = p.id AND x.matching_type = 'SUPERSEDED'
                   AND x.voided_at IS NULL
LEFT JOIN payment a ON a.id = x.payment_transaction_id
WHERE p.scheme_id = ?1 AND p.date >= ?2 AND p.date < ?3
  AND (m.id IS NULL OR m.matching_type IN ('LOYALTY', 'SPOTTED', 'FORCED'))
ORDER BY p.id
