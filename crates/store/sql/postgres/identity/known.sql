-- identity/known: which of these payments' cards are known already.
SELECT payment_transaction_id FROM user_identity WHERE payment_transaction_id = ANY ($1)
