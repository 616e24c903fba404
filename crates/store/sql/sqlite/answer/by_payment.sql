-- answer/by_payment: the exports of an agent that tell of a payment and are answered.
SELECT e.id
FROM pairing m JOIN export e ON e.pairing_id = m.id
WHERE m.payment_transaction_id = ?1 AND m.voided_at IS NULL
  AND e.is_answered = 1 AND e.scheme_id = ?2
