-- payment/unidentified: payments that wait for their card, in order.
SELECT o.payment_transaction_id, o.scheme_id, p.amount, p.currency
FROM open_payment o JOIN payment p ON p.id = o.payment_transaction_id
WHERE o.payment_transaction_id > ?1
  AND o.reason IN ('UNIDENTIFIED', 'NO_SCHEME', 'NO_ACCOUNT', 'NO_CARD_INFORMATION')
ORDER BY o.payment_transaction_id
LIMIT ?2
