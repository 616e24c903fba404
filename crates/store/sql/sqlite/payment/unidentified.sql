-- payment/unidentified: payments that wait for their card, in order.
SELECT payment_transaction_id FROM open_payment
WHERE payment_transaction_id > ?1
  AND reason IN ('UNIDENTIFIED', 'NO_ACCOUNT', 'NO_CARD_INFORMATION')
ORDER BY payment_transaction_id
LIMIT ?2
