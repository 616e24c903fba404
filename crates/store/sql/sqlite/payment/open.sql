-- payment/open: why a payment that had its turn is still open, unless somebody matched it meanwhile.
INSERT INTO open_payment (payment_transaction_id, reason, scheme_transaction_id, seen, scheme_id,
                          mid, amount, date, decided_at)
SELECT p.id, ?2, ?3, ?4, p.scheme_id, p.mid, p.amount, p.date, ?5 FROM payment p
WHERE p.id = ?1
  AND NOT EXISTS (SELECT 1 FROM pairing m
                  WHERE m.payment_transaction_id = p.id AND m.voided_at IS NULL)
ON CONFLICT (payment_transaction_id)
DO UPDATE SET reason = excluded.reason, decided_at = excluded.decided_at, seen = excluded.seen,
              scheme_transaction_id = excluded.scheme_transaction_id
