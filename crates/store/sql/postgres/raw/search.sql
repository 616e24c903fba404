-- raw/search: a record as it came, its number in its file, and the file, whatever its month.
SELECT data::text, number, file_id FROM import_transaction WHERE id = $1
