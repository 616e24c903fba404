-- redress/close: what was asked for is done, or no longer wanted.
UPDATE redress_proposal SET closed_at = ?3
WHERE payment_transaction_id = ?1 AND scheme_transaction_id = ?2 AND closed_at IS NULL
