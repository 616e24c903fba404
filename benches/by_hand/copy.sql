COPY txn (feed_type, status, transaction_id, provider, mid, location_id, transaction_date, has_time,
          amount, currency, cashback, auth_code, first_six, last_four, card_token, batch_id)
FROM STDIN
