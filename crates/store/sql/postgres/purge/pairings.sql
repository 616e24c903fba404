-- purge/pairings: every match that payments are or were in.
SELECT id FROM pairing WHERE payment_transaction_id = ANY ($1) AND voided_at IS NULL
UNION ALL
SELECT id FROM pairing WHERE payment_transaction_id = ANY ($1) AND voided_at IS NOT NULL
