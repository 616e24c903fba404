-- pairing/insert: a payment and a sale are one purchase; the unique keys refuse a second for either.
INSERT INTO pairing
    (id, payment_transaction_id, scheme_transaction_id, scheme_id, matching_type, evidence,
     match_group, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
