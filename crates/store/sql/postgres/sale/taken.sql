-- sale/taken: the matched sales of MID lists and amounts within UTC days' ranges of time, each with the
-- payment that has it.
SELECT s.* FROM unnest($1::date[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[],
                       $6::text[]) AS q (day, mid_set_id, amount, first, last, currency)
CROSS JOIN LATERAL (
    SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
           s.first_six, s.last_four, s.auth_code, s.created_at,
           m.payment_transaction_id
    FROM sale s
    CROSS JOIN LATERAL (
        SELECT m.payment_transaction_id FROM pairing m
        WHERE m.scheme_transaction_id = s.id AND m.voided_at IS NULL AND m.sale_part = 0
        OFFSET 0) m
    WHERE s.day = q.day AND s.mid_set_id = q.mid_set_id AND s.amount = q.amount
      AND s.date BETWEEN q.first AND q.last AND s.currency = q.currency
    OFFSET 0) s
