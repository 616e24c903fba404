-- payment/open_after: open payments of whatever reason, those after one, in order.
SELECT o.payment_transaction_id, o.reason, o.scheme_id
FROM open_payment o
WHERE o.payment_transaction_id > $1
ORDER BY o.payment_transaction_id
LIMIT $2
