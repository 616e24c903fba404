-- payment/reopened: payments open for want of a sale, of a scheme, MID, amount and range of time.
SELECT o.payment_transaction_id FROM open_payment o
WHERE o.scheme_id = ?1 AND o.mid = ?2 AND o.amount = ?3 AND o.date BETWEEN ?4 AND ?5
  AND o.reason = 'NO_SALE'
  AND (SELECT p.currency FROM payment p WHERE p.id = o.payment_transaction_id) = ?6
