-- audit/one_to_one_sale: a sale in two matches that are in force.
SELECT scheme_transaction_id FROM pairing
WHERE voided_at IS NULL AND scheme_transaction_id IS NOT NULL
GROUP BY scheme_transaction_id HAVING count(*) > 1
