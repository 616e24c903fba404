-- audit/same_purchase: a match by rule whose two sides differ in scheme, amount, currency or MID.
SELECT m.id FROM pairing m
LEFT JOIN payment p ON p.id = m.payment_transaction_id
LEFT JOIN sale s ON s.id = m.scheme_transaction_id
LEFT JOIN mid_set ms ON ms.id = s.mid_set_id
WHERE m.matching_type = 'LOYALTY' AND m.voided_at IS NULL
  AND (p.id IS NULL OR s.id IS NULL OR p.scheme_id <> s.scheme_id OR p.amount <> s.amount
       OR p.currency <> s.currency
       OR NOT EXISTS (SELECT 1 FROM json_each(ms.mids) WHERE value = p.mid))
