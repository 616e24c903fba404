-- audit/settlement_follows: an end that names a payment of another purchase, or a settlement whose
-- authorisation is neither matched nor swept; a payment that counted may have been purged before the other.
SELECT m.id FROM pairing m
JOIN payment p ON p.id = m.payment_transaction_id
LEFT JOIN payment o ON o.id = m.other_payment_transaction_id
LEFT JOIN pairing n ON n.payment_transaction_id = o.id AND n.voided_at IS NULL
                   AND n.payment_part = 0
WHERE m.voided_at IS NULL AND m.matching_type IN ('SUPERSEDED', 'SETTLEMENT', 'DUPLICATE')
  AND CASE WHEN o.id IS NULL
           THEN p.day >= coalesce((SELECT kept_from FROM retention), p.day)
           ELSE p.settlement_key IS DISTINCT FROM o.settlement_key
                OR m.matching_type = 'SETTLEMENT'
                   AND coalesce(n.matching_type, '') NOT IN ('LOYALTY', 'SPOTTED', 'FORCED',
                                                              'UNMATCHED') END
