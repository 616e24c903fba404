-- redress/list: what waits for a second person, oldest first.
SELECT action, payment_transaction_id, scheme_transaction_id, operator, reason, created_at
FROM redress_proposal WHERE closed_at IS NULL ORDER BY id
