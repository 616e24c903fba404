-- raw/insert: a record as it came, taken up later.
INSERT INTO import_transaction (id, file_id, number, identified, data, created_at, month)
VALUES ($1, $2, $3, $4, $5::text::json, $6, $7)
