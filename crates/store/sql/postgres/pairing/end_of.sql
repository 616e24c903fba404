-- pairing/end_of: how a payment ended without a match, and the payment that counts instead.
SELECT m.id, m.matching_type, m.other_payment_transaction_id, o.transaction_id, f.feed_type,
       m.difference, m.created_at
FROM pairing m
LEFT JOIN payment o ON o.id = m.other_payment_transaction_id
LEFT JOIN feed f ON f.id = o.feed_id
WHERE m.payment_transaction_id = $1 AND m.voided_at IS NULL
  AND m.matching_type IN ('SUPERSEDED', 'SETTLEMENT', 'DUPLICATE', 'STREAMED', 'UNMATCHED')
