-- audit/nothing_forgotten: a payment that is neither matched, nor open with a reason, nor in a job.
SELECT p.id FROM payment p
WHERE NOT EXISTS (SELECT 1 FROM pairing m
                  WHERE m.payment_transaction_id = p.id AND m.voided_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM open_payment o WHERE o.payment_transaction_id = p.id)
  AND NOT EXISTS (SELECT 1 FROM job j
                  WHERE p.id BETWEEN (j.work #> '{payments,range,0}')::bigint
                                 AND (j.work #> '{payments,range,1}')::bigint)
  AND NOT EXISTS (SELECT 1 FROM job j WHERE j.work #> '{payments,ids}' @> to_jsonb(p.id))
