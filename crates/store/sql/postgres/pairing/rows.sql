-- pairing/rows: matches as a person reads them, those after a row.
SELECT m.id, m.payment_transaction_id, m.scheme_transaction_id, p.transaction_id,
       s.transaction_id, m.provider_slug, m.payment_provider_slug, m.matching_type,
       m.spend_amount, m.spend_currency, m.transaction_date, m.evidence::text, m.status, m.created_at,
       m.operator, m.reason, m.voided_at, m.voided_by, m.void_reason
FROM matched_transaction m
JOIN payment p ON p.id = m.payment_transaction_id
LEFT JOIN sale s ON s.id = m.scheme_transaction_id
WHERE m.id > $1 AND m.created_at >= $2
ORDER BY m.id LIMIT $3
