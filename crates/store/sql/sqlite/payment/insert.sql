-- payment/insert: a payment, unless the same provider's transaction of that day is known.
INSERT INTO payment
    (id, feed_id, scheme_id, merchant_identifier_id, day, transaction_id, mid, date, precision,
     amount, multiplier, currency, card_token, first_six, last_four, auth_code, approval_code,
     settlement_key, extra_fields, match_group, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
        ?21)
ON CONFLICT (day, feed_id, transaction_id) DO NOTHING
