-- card/upsert: a card linked in a scheme; a later row replaces an earlier one.
INSERT INTO card_link
    (card_token, scheme_id, loyalty_id, user_id, scheme_account_id, payment_card_account_id,
     first_six, last_four, expiry_month, expiry_year, credentials, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT (card_token, scheme_id) DO UPDATE SET
    loyalty_id = excluded.loyalty_id, user_id = excluded.user_id,
    scheme_account_id = excluded.scheme_account_id,
    payment_card_account_id = excluded.payment_card_account_id,
    first_six = excluded.first_six, last_four = excluded.last_four,
    expiry_month = excluded.expiry_month, expiry_year = excluded.expiry_year,
    credentials = excluded.credentials, created_at = excluded.created_at
