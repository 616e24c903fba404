-- export/undelivered: one scheme's exports of ranges that are still to be sent, in order; with those
-- that may be out, where they are asked for. As
-- `export_transaction` tells of them, but with both sides' extra fields as they came; what belongs to
-- each is probed through its index, whatever is known of how large the tables are.
SELECT e.id, coalesce(t.transaction_id, p.transaction_id), p.feed_type, s.slug,
       coalesce(t.date, p.date),
       CASE WHEN m.matching_type = 'SETTLEMENT' THEN p.amount ELSE coalesce(t.amount, p.amount) END,
       coalesce(t.currency, p.currency), u.loyalty_id, p.mid, p.identifier, p.location_id,
       p.merchant_internal_id, u.user_id, u.scheme_account_id, u.payment_card_account_id,
       coalesce(p.auth_code, a.auth_code), p.approval_code,
       coalesce(p.settlement_key, p.transaction_id), u.last_four, u.expiry_month, u.expiry_year,
       p.provider_slug, e.export_uid, p.extra_fields::text, t.extra_fields::text, u.credentials,
       e.payment_transaction_id, CASE WHEN m.matching_type = 'SETTLEMENT' THEN m.difference END,
       e.created_at
FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
CROSS JOIN LATERAL (
    SELECT * FROM export x
    WHERE x.id BETWEEN r.first AND r.last AND x.scheme_id = $3
      AND NOT EXISTS (SELECT 1 FROM delivery d
                      WHERE d.export_id = x.id AND d.state NOT IN ('PENDING', 'RETRYING')
                        AND NOT ($4::bool AND d.state IN ('IN_FLIGHT', 'UNCERTAIN')) OFFSET 0)
    OFFSET 0) e
CROSS JOIN LATERAL (
    SELECT p.*, f.feed_type, f.provider_slug, i.identifier, i.location_id, i.merchant_internal_id
    FROM payment p
    CROSS JOIN LATERAL (SELECT * FROM feed f WHERE f.id = p.feed_id OFFSET 0) f
    CROSS JOIN LATERAL (SELECT * FROM merchant_identifier i
                        WHERE i.id = p.merchant_identifier_id OFFSET 0) i
    WHERE p.id = e.payment_transaction_id OFFSET 0) p
JOIN loyalty_scheme s ON s.id = $3
LEFT JOIN LATERAL (SELECT * FROM user_identity u
                   WHERE u.payment_transaction_id = e.payment_transaction_id OFFSET 0) u ON true
LEFT JOIN LATERAL (SELECT * FROM pairing m WHERE m.id = e.pairing_id OFFSET 0) m ON true
LEFT JOIN LATERAL (
    SELECT b.scheme_transaction_id FROM pairing b
    WHERE m.matching_type = 'SETTLEMENT' AND b.voided_at IS NULL AND b.payment_part = 0
      AND b.payment_transaction_id = m.other_payment_transaction_id OFFSET 0) b ON true
LEFT JOIN LATERAL (
    SELECT * FROM sale t
    WHERE t.id = coalesce(m.scheme_transaction_id, b.scheme_transaction_id) OFFSET 0) t ON true
LEFT JOIN LATERAL (
    SELECT a.auth_code FROM pairing x
    CROSS JOIN LATERAL (SELECT a.auth_code FROM payment a
                        WHERE a.id = x.payment_transaction_id OFFSET 0) a
    WHERE x.other_payment_transaction_id = e.payment_transaction_id
      AND x.matching_type = 'SUPERSEDED' AND x.voided_at IS NULL OFFSET 0) a ON true
ORDER BY e.id
