-- payment/reopened: open payments, of schemes, MIDs, amounts and ranges of time, for which a sale may
-- change something: those that found none, and those for which it is news.
SELECT DISTINCT o.id
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::text[],
            $7::bigint[]) AS q (scheme_id, mid, amount, first, last, currency, sale)
CROSS JOIN LATERAL (
    SELECT o.payment_transaction_id AS id FROM open_payment o
    WHERE o.scheme_id = q.scheme_id AND o.mid = q.mid AND o.amount = q.amount
      AND o.date BETWEEN q.first AND q.last
      AND (o.reason IN ('NO_SALE', 'CONTESTED', 'UNDONE') OR o.reason = 'AMBIGUOUS' AND o.seen < q.sale)
      AND (SELECT p.currency FROM payment p WHERE p.id = o.payment_transaction_id) = q.currency
    OFFSET 0) o
ORDER BY o.id
