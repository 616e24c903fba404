-- purge/identity: whose card a payment was.
DELETE FROM user_identity WHERE payment_transaction_id = ?1
