-- answer/by_uid: the export of an agent that is answered by its uid, and the transaction it told of.
SELECT e.id, p.transaction_id
FROM export e
CROSS JOIN LATERAL (
    SELECT p.transaction_id FROM payment p WHERE p.id = e.payment_transaction_id OFFSET 0) p
WHERE e.export_uid = $1 AND e.is_answered AND e.scheme_id = $2
