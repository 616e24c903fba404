-- payment/same_purchase: the AUTHs and SETTLEDs of purchases, in the order they came, each with the
-- place of its purchase among those asked about.
SELECT q.place, p.id, p.feed_type, p.scheme_id, p.amount, p.currency, p.auth_code, p.first_six,
       p.last_four, p.matching_type
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q (settlement_key, provider_slug, place)
CROSS JOIN LATERAL (
    SELECT p.id, f.feed_type, p.scheme_id, p.amount, p.currency, p.auth_code, p.first_six,
           p.last_four, m.matching_type
    FROM payment p
    JOIN feed f ON f.id = p.feed_id
    LEFT JOIN LATERAL (
        SELECT m.matching_type FROM pairing m
        WHERE m.payment_transaction_id = p.id AND m.voided_at IS NULL AND m.payment_part = 0
        OFFSET 0) m ON true
    WHERE p.settlement_key = q.settlement_key AND f.provider_slug = q.provider_slug
      AND f.feed_type IN ('AUTH', 'SETTLED') OFFSET 0) p
ORDER BY q.place, p.id
