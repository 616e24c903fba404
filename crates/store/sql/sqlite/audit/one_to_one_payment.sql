-- audit/one_to_one_payment: a payment in two matches that are in force.
SELECT payment_transaction_id FROM pairing WHERE voided_at IS NULL
GROUP BY payment_transaction_id HAVING count(*) > 1
