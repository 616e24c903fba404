-- reject/find: where a record that was not taken stands, and by what it will be known.
SELECT file_id, number, state, import_transaction_id, day, transaction_id
FROM rejected_record WHERE id = $1 FOR UPDATE
