-- sale/between: the open sales of MID lists, of amounts and times between two, on UTC days.
SELECT s.* FROM unnest($1::date[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[],
                       $6::timestamptz[], $7::text[])
                AS q (day, mid_set_id, least, most, first, last, currency)
CROSS JOIN LATERAL (
    SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
           s.first_six, s.last_four, s.auth_code, s.created_at
    FROM sale s
    WHERE s.day = q.day AND s.mid_set_id = q.mid_set_id AND s.amount BETWEEN q.least AND q.most
      AND s.date BETWEEN q.first AND q.last AND s.currency = q.currency
      AND NOT EXISTS (SELECT 1 FROM pairing m
                      WHERE m.scheme_transaction_id = s.id AND m.voided_at IS NULL OFFSET 0)
    OFFSET 0) s
