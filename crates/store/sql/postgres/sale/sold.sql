-- sale/sold: the sales of an amount within one UTC day's range of time, with one of these lists of MIDs:
-- one look for each list.
SELECT s.* FROM unnest($7::bigint[]) AS q (mid_set_id)
CROSS JOIN LATERAL (
    SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
           s.first_six, s.last_four, s.auth_code, s.created_at, s.scheme_id
    FROM sale s
    WHERE s.day = $1 AND s.mid_set_id = q.mid_set_id AND s.amount = $2 AND s.currency = $3
      AND s.date BETWEEN $4 AND $6 AND (s.date >= $5 OR s.precision = 3)
    OFFSET 0) s
ORDER BY s.date, s.id
LIMIT $8
