-- payment/open: why payments that had their turn are still open, unless somebody matched them meanwhile.
INSERT INTO open_payment (payment_transaction_id, reason, scheme_transaction_id, seen, scheme_id,
                          mid, amount, date, decided_at)
SELECT p.id, o.reason, o.sale, o.seen, p.scheme_id, p.mid, p.amount, p.date, $5::timestamptz
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS o (id, reason, sale, seen)
CROSS JOIN LATERAL (SELECT * FROM payment p WHERE p.id = o.id OFFSET 0) p
WHERE NOT EXISTS (SELECT 1 FROM pairing m
                  WHERE m.payment_transaction_id = p.id AND m.voided_at IS NULL OFFSET 0)
ON CONFLICT (payment_transaction_id)
DO UPDATE SET reason = excluded.reason, decided_at = excluded.decided_at, seen = excluded.seen,
              scheme_transaction_id = excluded.scheme_transaction_id
