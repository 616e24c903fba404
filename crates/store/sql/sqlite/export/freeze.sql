-- export/freeze: the request of an export, as it will be sent. One that was frozen before stays.
INSERT INTO export_request (export_id, sealed, created_at) VALUES (?1, ?2, ?3)
ON CONFLICT (export_id) DO NOTHING
