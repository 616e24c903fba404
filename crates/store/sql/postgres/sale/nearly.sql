-- sale/nearly: the open sales of a MID list and a range of amounts within one UTC day's range of
-- time, the nearest to a time first.
SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
       s.first_six, s.last_four, s.auth_code, s.created_at
FROM sale s
WHERE s.day = $1 AND s.mid_set_id = $2 AND s.amount BETWEEN $3 AND $4
  AND s.date BETWEEN $5 AND $6 AND s.currency = $7
  AND NOT EXISTS (SELECT 1 FROM pairing m
                  WHERE m.scheme_transaction_id = s.id AND m.voided_at IS NULL OFFSET 0)
ORDER BY abs(extract(epoch FROM s.date - $8)), s.id
LIMIT $9
