-- export/undelivered: one scheme's exports of a range that are still to be sent, in order; with those
-- that may be out, where they are asked for.
SELECT id, transaction_id, feed_type, provider_slug, transaction_date, spend_amount,
       spend_currency, loyalty_id, mid, primary_identifier, location_id, merchant_internal_id,
       user_id, scheme_account_id, payment_card_account_id, auth_code, approval_code,
       settlement_key, last_four, expiry_month, expiry_year, payment_provider_slug, export_uid,
       extra_fields, credentials, payment_transaction_id, correction, created_at
FROM export_transaction
WHERE id BETWEEN ?1 AND ?2 AND scheme_id = ?3
  AND (status IN ('PENDING', 'RETRYING') OR ?4 AND status IN ('IN_FLIGHT', 'UNCERTAIN'))
ORDER BY id
