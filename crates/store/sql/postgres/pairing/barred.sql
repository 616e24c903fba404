-- pairing/barred: the sales that people have parted from payments.
SELECT payment_transaction_id, scheme_transaction_id FROM pairing
WHERE payment_transaction_id = ANY ($1) AND voided_at IS NOT NULL
  AND scheme_transaction_id IS NOT NULL
