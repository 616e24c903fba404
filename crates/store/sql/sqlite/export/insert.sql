-- export/insert: something the merchant must be told.
INSERT INTO export
    (id, scheme_id, pairing_id, payment_transaction_id, export_uid, is_answered, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
