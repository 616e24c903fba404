-- sale/copy: sales, none of which is known.
COPY sale
    (id, feed_id, scheme_id, mid_set_id, day, transaction_id, payment_provider_slug, date,
     precision, amount, multiplier, currency, first_six, last_four, auth_code, extra_fields,
     match_group, created_at)
FROM STDIN (FORMAT binary)
