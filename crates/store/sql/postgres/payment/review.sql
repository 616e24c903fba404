-- payment/review: open payments that a person should look at, those after one, oldest first.
SELECT o.payment_transaction_id, o.reason, o.scheme_transaction_id
FROM open_payment o
WHERE o.reason IN ('AMBIGUOUS', 'CONTESTED', 'UNDONE') AND o.payment_transaction_id > $1
  AND ($2::bigint IS NULL OR o.scheme_id = $2) AND ($3::text IS NULL OR o.reason = $3)
ORDER BY o.payment_transaction_id
LIMIT $4
