-- purge/count: how many matches and exports some payments have.
SELECT count(*),
       coalesce(sum((SELECT count(*) FROM export e WHERE e.pairing_id = m.id)), 0)::bigint
FROM pairing m WHERE m.payment_transaction_id = ANY ($1)
  AND (m.voided_at IS NULL OR m.voided_at IS NOT NULL)
