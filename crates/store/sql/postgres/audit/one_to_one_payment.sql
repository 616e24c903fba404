-- audit/one_to_one_payment: a payment in two rows in force that are not parts of one whole.
SELECT payment_transaction_id FROM pairing WHERE voided_at IS NULL
GROUP BY payment_transaction_id
HAVING count(*) > 1 AND (count(*) <> count(DISTINCT payment_part) OR min(payment_part) <> 0
                         OR max(payment_part) <> count(*) - 1 OR max(sale_part) <> 0)
