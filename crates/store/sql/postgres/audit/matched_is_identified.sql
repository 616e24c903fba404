-- audit/matched_is_identified: a match, or something told, of a payment whose card nobody knew.
SELECT m.id FROM pairing m
WHERE m.matching_type NOT IN ('SUPERSEDED', 'SETTLEMENT', 'DUPLICATE')
  AND NOT EXISTS (SELECT 1 FROM user_identity u
                  WHERE u.payment_transaction_id = m.payment_transaction_id)
