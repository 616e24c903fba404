-- identity/find: whose card a payment was, and since when that is known.
SELECT loyalty_id, created_at FROM user_identity WHERE payment_transaction_id = $1
