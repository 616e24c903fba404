-- payment/to_sweep: a scheme's payments of some feeds that were imported until a time, had their turn,
-- are open, and do not wait for their card; the first that came first.
SELECT o.payment_transaction_id
FROM open_payment o
JOIN payment p ON p.id = o.payment_transaction_id
JOIN user_identity u ON u.payment_transaction_id = o.payment_transaction_id
WHERE o.scheme_id = ?1 AND p.created_at <= ?2
  AND p.feed_id IN (SELECT value FROM json_each(?3))
  AND o.reason NOT IN ('UNIDENTIFIED', 'NO_SCHEME', 'NO_ACCOUNT', 'NO_CARD_INFORMATION')
  AND u.loyalty_id <> ''
ORDER BY o.payment_transaction_id
LIMIT ?4
