-- payment/transaction_ids: the networks' own ids of payments.
SELECT p.id, p.transaction_id FROM payment p
WHERE p.id = ANY ($1) ORDER BY p.id
