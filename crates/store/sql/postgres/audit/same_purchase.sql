-- audit/same_purchase: a match by rule whose two sides differ in scheme, currency or MID, or whose
-- amounts, all parts added up, are not equal.
SELECT m.id FROM pairing m
LEFT JOIN payment p ON p.id = m.payment_transaction_id
LEFT JOIN sale s ON s.id = m.scheme_transaction_id
LEFT JOIN mid_set ms ON ms.id = s.mid_set_id
WHERE m.matching_type = 'LOYALTY' AND m.voided_at IS NULL
  AND (p.id IS NULL OR s.id IS NULL OR p.scheme_id <> s.scheme_id OR p.currency <> s.currency
       OR p.mid <> ALL (ms.mids)
       OR p.amount <> s.amount
          AND s.amount <> (SELECT sum(q.amount) FROM pairing n
                           JOIN payment q ON q.id = n.payment_transaction_id
                           WHERE n.scheme_transaction_id = s.id AND n.voided_at IS NULL)
          AND p.amount <> (SELECT sum(t.amount) FROM pairing n
                           JOIN sale t ON t.id = n.scheme_transaction_id
                           WHERE n.payment_transaction_id = p.id AND n.voided_at IS NULL))
