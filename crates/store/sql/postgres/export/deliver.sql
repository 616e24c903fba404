-- export/deliver: where exports stand now. What is delivered stays delivered.
INSERT INTO delivery (export_id, state, reason, tries, export_attempt_id, updated_at)
SELECT d.export_id, d.state, d.reason, 1, $4::bigint, $5::timestamptz
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS d (export_id, state, reason)
ON CONFLICT (export_id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, tries = delivery.tries + 1,
    export_attempt_id = excluded.export_attempt_id, updated_at = excluded.updated_at
WHERE delivery.state <> 'DELIVERED'
