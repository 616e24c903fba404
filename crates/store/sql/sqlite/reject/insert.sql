-- reject/insert: a record that was not taken, with its reason; the same one again adds nothing.
INSERT INTO rejected_record
    (feed_id, file_id, number, occurrence, state, reason, field, detail, data,
     import_transaction_id, fingerprint, created_at, day, transaction_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
ON CONFLICT (feed_id, fingerprint) DO NOTHING
