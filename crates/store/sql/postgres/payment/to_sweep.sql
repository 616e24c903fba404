-- payment/to_sweep: a scheme's payments of some feeds that were imported until a time, had their turn,
-- are open, and do not wait for their card; the first that came first.
SELECT o.payment_transaction_id
FROM open_payment o
WHERE o.scheme_id = $1
  AND o.reason NOT IN ('UNIDENTIFIED', 'NO_SCHEME', 'NO_ACCOUNT', 'NO_CARD_INFORMATION')
  AND EXISTS (SELECT 1 FROM payment p
              WHERE p.id = o.payment_transaction_id AND p.created_at <= $2
                AND p.feed_id = ANY ($3) OFFSET 0)
  AND EXISTS (SELECT 1 FROM user_identity u
              WHERE u.payment_transaction_id = o.payment_transaction_id
                AND u.loyalty_id <> '' OFFSET 0)
ORDER BY o.payment_transaction_id
LIMIT $4
