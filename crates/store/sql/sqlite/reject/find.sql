-- reject/find: where a record that was not taken stands.
SELECT file_id, number, state, import_transaction_id FROM rejected_record WHERE id = ?1
