-- payment/reopened: open payments, of a scheme, MID, amount and range of time, for which a sale may
-- change something: those that found none, and those for which it is news.
SELECT o.payment_transaction_id FROM open_payment o
WHERE o.scheme_id = ?1 AND o.mid = ?2 AND o.amount = ?3 AND o.date BETWEEN ?4 AND ?5
  AND (o.reason IN ('NO_SALE', 'CONTESTED', 'UNDONE') OR o.reason = 'AMBIGUOUS' AND o.seen < ?7)
  AND (SELECT p.currency FROM payment p WHERE p.id = o.payment_transaction_id) = ?6
