-- purge/raw_left: records as they came that go with their months, and the files that brought them.
SELECT id, file_id FROM import_transaction WHERE id = ANY ($1) AND month = ANY ($2::date[])
