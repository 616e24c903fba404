-- pairing/settlements: what ended as the settlement of a payment that was matched.
SELECT id, payment_transaction_id FROM pairing
WHERE other_payment_transaction_id = $1 AND matching_type = 'SETTLEMENT' AND voided_at IS NULL
ORDER BY id
