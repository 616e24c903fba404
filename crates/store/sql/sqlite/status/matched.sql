-- status/matched: matches in force, by currency.
SELECT p.currency, count(*), sum(p.amount)
FROM pairing m JOIN payment p ON p.id = m.payment_transaction_id
WHERE m.voided_at IS NULL
GROUP BY p.currency ORDER BY p.currency
