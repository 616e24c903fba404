-- pairing/insert: what became of a payment; the unique keys refuse a second for it or for its sale.
INSERT INTO pairing
    (id, payment_transaction_id, scheme_transaction_id, other_payment_transaction_id, scheme_id,
     matching_type, evidence, difference, payment_part, sale_part, match_group, operator, reason,
     created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
