-- purge/raw: records as they came, and the files that brought them.
DELETE FROM import_transaction WHERE id = ANY ($1) RETURNING id, file_id
