-- export/copy: what the merchants must be told.
COPY export (id, scheme_id, pairing_id, payment_transaction_id, export_uid, is_answered, created_at)
FROM STDIN (FORMAT binary)
