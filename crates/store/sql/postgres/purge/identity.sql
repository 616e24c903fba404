-- purge/identity: whose card payments were.
DELETE FROM user_identity WHERE payment_transaction_id = ANY ($1)
