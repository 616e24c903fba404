-- status/matched: matches in force, by currency; parts of one sale are one.
SELECT p.currency, count(*), sum(p.amount)::bigint
FROM pairing m JOIN payment p ON p.id = m.payment_transaction_id
WHERE m.voided_at IS NULL AND m.payment_part = 0
  AND m.matching_type IN ('LOYALTY', 'SPOTTED', 'FORCED', 'NON_LOYALTY', 'MIXED')
GROUP BY p.currency ORDER BY p.currency
