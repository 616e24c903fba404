-- answer/by_uid: the export of an agent that is answered by its uid, and the transaction it told of.
SELECT e.id, p.transaction_id
FROM export e JOIN payment p ON p.id = e.payment_transaction_id
WHERE e.export_uid = ?1 AND e.is_answered = 1 AND e.scheme_id = ?2
