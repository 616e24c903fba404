-- identity/copy: whose card each payment was, where nobody knew it before.
COPY user_identity
    (payment_transaction_id, loyalty_id, user_id, scheme_account_id, payment_card_account_id,
     first_six, last_four, expiry_month, expiry_year, credentials, created_at)
FROM STDIN (FORMAT binary)
