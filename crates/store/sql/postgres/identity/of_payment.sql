-- identity/of_payment: all that is known of whose card each payment was.
SELECT payment_transaction_id, loyalty_id, user_id, scheme_account_id, payment_card_account_id,
       first_six, last_four, expiry_month, expiry_year, credentials
FROM user_identity WHERE payment_transaction_id = ANY ($1)
