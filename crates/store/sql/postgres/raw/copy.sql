-- raw/copy: records as they came.
COPY import_transaction (id, file_id, number, identified, data, created_at)
FROM STDIN (FORMAT binary)
