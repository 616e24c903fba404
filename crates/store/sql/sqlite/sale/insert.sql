-- sale/insert: a sale, unless the same scheme's transaction of that day is known.
INSERT INTO sale
    (id, feed_id, scheme_id, mid_set_id, day, transaction_id, payment_provider_slug, date,
     precision, amount, multiplier, currency, first_six, last_four, auth_code, extra_fields,
     match_group, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
ON CONFLICT (day, feed_id, transaction_id) DO NOTHING
