-- export/freeze: the requests of exports, as they will be sent. One that was frozen before stays.
INSERT INTO export_request (export_id, sealed, created_at)
SELECT r.export_id, r.sealed, $3::timestamptz
FROM unnest($1::bigint[], $2::bytea[]) AS r (export_id, sealed)
ON CONFLICT (export_id) DO NOTHING
