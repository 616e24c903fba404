-- raw/copy: records as they came, into the part of their month.
COPY import_transaction (id, file_id, number, created_at, month, identified, data)
FROM STDIN (FORMAT binary)
