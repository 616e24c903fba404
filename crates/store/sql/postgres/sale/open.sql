-- sale/open: the open sales of ranges.
SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
       s.first_six, s.last_four, s.auth_code, s.created_at, s.scheme_id
FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
CROSS JOIN LATERAL (
    SELECT * FROM sale s
    WHERE s.id BETWEEN r.first AND r.last
      AND NOT EXISTS (SELECT 1 FROM pairing m
                      WHERE m.scheme_transaction_id = s.id AND m.voided_at IS NULL OFFSET 0)
    OFFSET 0) s
ORDER BY s.id
