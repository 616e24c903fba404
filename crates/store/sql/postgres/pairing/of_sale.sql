-- pairing/of_sale: the matches of one sale, first those that were undone.
SELECT m.id, m.payment_transaction_id, m.scheme_transaction_id, p.transaction_id,
       s.transaction_id, m.provider_slug, m.payment_provider_slug, m.matching_type,
       m.spend_amount, m.spend_currency, m.transaction_date, m.evidence::text, m.status, m.created_at,
       m.operator, m.reason, m.voided_at, m.voided_by, m.void_reason
FROM matched_transaction m
JOIN payment p ON p.id = m.payment_transaction_id
LEFT JOIN sale s ON s.id = m.scheme_transaction_id
WHERE m.scheme_transaction_id = $1 AND m.voided_at IS NOT NULL
UNION ALL
SELECT m.id, m.payment_transaction_id, m.scheme_transaction_id, p.transaction_id,
       s.transaction_id, m.provider_slug, m.payment_provider_slug, m.matching_type,
       m.spend_amount, m.spend_currency, m.transaction_date, m.evidence::text, m.status, m.created_at,
       m.operator, m.reason, m.voided_at, m.voided_by, m.void_reason
FROM matched_transaction m
JOIN payment p ON p.id = m.payment_transaction_id
LEFT JOIN sale s ON s.id = m.scheme_transaction_id
WHERE m.scheme_transaction_id = $1 AND m.voided_at IS NULL
