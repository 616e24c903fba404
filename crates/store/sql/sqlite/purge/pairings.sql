-- purge/pairings: every match that a payment is or was in.
SELECT id FROM pairing WHERE payment_transaction_id = ?1 AND voided_at IS NULL
UNION ALL
SELECT id FROM pairing WHERE payment_transaction_id = ?1 AND voided_at IS NOT NULL
