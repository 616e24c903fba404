-- audit/one_to_one_sale: a sale in two rows in force that are not parts of one whole.
SELECT scheme_transaction_id FROM pairing
WHERE voided_at IS NULL AND scheme_transaction_id IS NOT NULL
GROUP BY scheme_transaction_id
HAVING count(*) > 1 AND (count(*) <> count(DISTINCT sale_part) OR min(sale_part) <> 0
                         OR max(sale_part) <> count(*) - 1 OR max(payment_part) <> 0)
