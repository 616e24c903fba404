-- payment/untouched: the payments of ranges of which nothing is known yet, in the order they came; in the
-- columns of payment/undecided.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.amount, p.currency,
       p.card_token, p.first_six, p.last_four, p.auth_code, p.created_at, NULL::text, NULL::bigint,
       NULL::text, NULL::bigint, NULL::bigint, NULL::bigint, NULL::text, NULL::text, NULL::bigint,
       NULL::bigint, p.settlement_key
FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
CROSS JOIN LATERAL (
    SELECT * FROM payment p WHERE p.id BETWEEN r.first AND r.last ORDER BY p.id OFFSET 0) p
ORDER BY p.id
