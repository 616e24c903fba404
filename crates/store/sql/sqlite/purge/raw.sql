-- purge/raw: a record as it came, and the file that brought it.
DELETE FROM import_transaction WHERE id = ?1 RETURNING file_id
