-- identity/insert: whose card a payment was.
INSERT INTO user_identity
    (payment_transaction_id, loyalty_id, user_id, scheme_account_id, payment_card_account_id,
     first_six, last_four, expiry_month, expiry_year, credentials, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (payment_transaction_id) DO NOTHING
