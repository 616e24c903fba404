-- redress/propose: what one person asks for; asking again replaces who and why.
INSERT INTO redress_proposal
    (action, payment_transaction_id, scheme_transaction_id, operator, reason, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (action, payment_transaction_id, coalesce(scheme_transaction_id, 0))
    WHERE closed_at IS NULL
DO UPDATE SET operator = excluded.operator, reason = excluded.reason,
              created_at = excluded.created_at
