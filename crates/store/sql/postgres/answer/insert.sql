-- answer/insert: what a merchant answered to an export; the same answer coming again adds nothing.
INSERT INTO export_answer (export_id, result, file_id, number, data, created_at)
VALUES ($1, $2, $3, $4, $5::text::json, $6)
ON CONFLICT (export_id, result) DO NOTHING
