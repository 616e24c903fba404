-- payment/same_purchase: the AUTHs and SETTLEDs of one purchase, in the order they came.
SELECT p.id, f.feed_type, p.scheme_id, p.amount, p.currency, p.auth_code, p.first_six, p.last_four,
       m.matching_type
FROM payment p
JOIN feed f ON f.id = p.feed_id
LEFT JOIN pairing m ON m.payment_transaction_id = p.id AND m.voided_at IS NULL
                   AND m.payment_part = 0
WHERE p.settlement_key = ?1 AND f.provider_slug = ?2 AND f.feed_type IN ('AUTH', 'SETTLED')
ORDER BY p.id
