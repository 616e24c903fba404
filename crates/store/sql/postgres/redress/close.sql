-- redress/close: what was asked for is done, or no longer wanted.
UPDATE redress_proposal SET closed_at = $4
WHERE action = $1 AND payment_transaction_id = $2 AND scheme_transaction_id IS NOT DISTINCT FROM $3
  AND closed_at IS NULL
