-- export/undelivered: one scheme's exports of ranges that are still to be sent, in order. As
-- `export_transaction` tells of them, but with both sides' extra fields as they came.
SELECT e.id, coalesce(t.transaction_id, p.transaction_id), f.feed_type, s.slug,
       coalesce(t.date, p.date),
       CASE WHEN m.matching_type = 'SETTLEMENT' THEN p.amount ELSE coalesce(t.amount, p.amount) END,
       coalesce(t.currency, p.currency), u.loyalty_id, p.mid, i.identifier, i.location_id,
       i.merchant_internal_id, u.user_id, u.scheme_account_id, u.payment_card_account_id,
       coalesce(p.auth_code, a.auth_code), p.approval_code,
       coalesce(p.settlement_key, p.transaction_id), u.last_four, u.expiry_month, u.expiry_year,
       f.provider_slug, e.export_uid, p.extra_fields::text, t.extra_fields::text, u.credentials,
       e.payment_transaction_id, CASE WHEN m.matching_type = 'SETTLEMENT' THEN m.difference END
FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
CROSS JOIN LATERAL (
    SELECT x.* FROM export x LEFT JOIN delivery d ON d.export_id = x.id
    WHERE x.id BETWEEN r.first AND r.last AND x.scheme_id = $3
      AND coalesce(d.state, 'PENDING') IN ('PENDING', 'RETRYING') OFFSET 0) e
JOIN payment p ON p.id = e.payment_transaction_id
JOIN feed f ON f.id = p.feed_id
JOIN loyalty_scheme s ON s.id = e.scheme_id
JOIN merchant_identifier i ON i.id = p.merchant_identifier_id
LEFT JOIN user_identity u ON u.payment_transaction_id = p.id
LEFT JOIN pairing m ON m.id = e.pairing_id
LEFT JOIN pairing b ON m.matching_type = 'SETTLEMENT' AND b.voided_at IS NULL
                   AND b.payment_transaction_id = m.other_payment_transaction_id
                   AND b.payment_part = 0
LEFT JOIN sale t ON t.id = coalesce(m.scheme_transaction_id, b.scheme_transaction_id)
LEFT JOIN pairing x ON x.other_payment_transaction_id = p.id AND x.matching_type = 'SUPERSEDED'
                   AND x.voided_at IS NULL
LEFT JOIN payment a ON a.id = x.payment_transaction_id
ORDER BY e.id
