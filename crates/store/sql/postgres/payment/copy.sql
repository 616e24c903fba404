-- payment/copy: payments, none of which is known.
COPY payment
    (id, feed_id, scheme_id, merchant_identifier_id, day, transaction_id, mid, date, precision,
     amount, multiplier, currency, card_token, first_six, last_four, auth_code, approval_code,
     settlement_key, extra_fields, match_group, created_at)
FROM STDIN (FORMAT binary)
