-- sale/transaction_ids: the merchants' own ids of sales.
SELECT s.id, s.transaction_id FROM sale s
WHERE s.id = ANY ($1) ORDER BY s.id
