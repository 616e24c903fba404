-- export/extend_file: how far an export file is written now.
INSERT INTO export_file (name, length, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET length = excluded.length, updated_at = excluded.updated_at
