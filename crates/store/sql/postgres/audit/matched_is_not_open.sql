-- audit/matched_is_not_open: a payment that is matched and also listed as open.
SELECT o.payment_transaction_id FROM open_payment o
JOIN pairing m ON m.payment_transaction_id = o.payment_transaction_id AND m.voided_at IS NULL
