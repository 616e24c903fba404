-- sale/sold: the sales of an amount within one UTC day's range of time, of a scheme and at MIDs where
-- those are known: one look for each list of MIDs.
SELECT s.*, ms.mids
FROM mid_set ms
CROSS JOIN LATERAL (
    SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
           s.first_six, s.last_four, s.auth_code, s.created_at, s.scheme_id
    FROM sale s
    WHERE s.mid_set_id = ms.id AND s.day = $1 AND s.amount = $2 AND s.currency = $3
      AND s.date BETWEEN $4 AND $6 AND (s.date >= $5 OR s.precision = 3)
    OFFSET 0) s
WHERE ($7::bigint IS NULL OR ms.loyalty_scheme_id = $7)
  AND ($8::text[] IS NULL OR ms.mids && $8)
ORDER BY s.date, s.id
LIMIT $9
