-- pairing/barred: the sales that people have parted from a payment.
SELECT scheme_transaction_id FROM pairing
WHERE payment_transaction_id = ?1 AND voided_at IS NOT NULL AND scheme_transaction_id IS NOT NULL
