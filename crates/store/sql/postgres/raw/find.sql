-- raw/find: a record as it came, its number in its file, and the file. What was read from it says by
-- which commit: so it is in the part of that month, or among the rest.
SELECT data::text, number, file_id FROM import_transaction
WHERE id = $1 AND (month = month_of($2) OR month = '-infinity')
