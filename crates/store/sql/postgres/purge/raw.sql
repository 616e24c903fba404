-- purge/raw: records as they came, of months that stay, and the files that brought them.
DELETE FROM import_transaction WHERE id = ANY ($1) AND month = ANY ($2::date[])
RETURNING id, file_id
