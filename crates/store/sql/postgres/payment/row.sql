-- payment/row: a payment as a person reads it.
SELECT t.id, t.transaction_id, t.provider_slug, t.scheme_slug, t.feed_type, t.transaction_date,
       t.date_precision, t.spend_amount, t.spend_currency, ARRAY[t.mid], NULL::text, t.auth_code,
       t.first_six, t.last_four, t.status, t.pending_reason, t.match_group, t.created_at,
       t.contested_scheme_transaction_id
FROM payment_transaction t WHERE t.id = $1
