-- card/find: whose card it is in a scheme.
SELECT loyalty_id, user_id, scheme_account_id, payment_card_account_id, first_six, last_four,
       expiry_month, expiry_year, credentials
FROM card_link
WHERE card_token = ?1 AND scheme_id = ?2
