-- reject/copy: records that were not taken, with their reasons.
COPY rejected_record
    (id, feed_id, file_id, number, occurrence, state, reason, field, detail, data,
     import_transaction_id, fingerprint, created_at, day, transaction_id)
FROM STDIN (FORMAT binary)
