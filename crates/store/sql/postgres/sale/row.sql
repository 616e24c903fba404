-- sale/row: a sale as a person reads it.
SELECT t.id, t.transaction_id, t.provider_slug, t.provider_slug, t.feed_type, t.transaction_date,
       t.date_precision, t.spend_amount, t.spend_currency, t.mids, t.payment_provider_slug,
       t.auth_code, t.first_six, t.last_four, t.status, NULL::text, t.match_group, t.created_at, NULL::bigint
FROM scheme_transaction t WHERE t.id = $1
