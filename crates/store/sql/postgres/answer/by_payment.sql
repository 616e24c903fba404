-- answer/by_payment: the exports of an agent that tell of any of these payments and are answered.
SELECT e.id FROM unnest($1::bigint[]) AS q (payment)
CROSS JOIN LATERAL (
    SELECT m.id FROM pairing m
    WHERE m.payment_transaction_id = q.payment AND m.voided_at IS NULL OFFSET 0) m
CROSS JOIN LATERAL (
    SELECT e.id FROM export e
    WHERE e.pairing_id = m.id AND e.is_answered AND e.scheme_id = $2 OFFSET 0) e
