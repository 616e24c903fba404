-- export/deliver: where an export stands now. What is delivered stays delivered.
INSERT INTO delivery (export_id, state, reason, tries, export_attempt_id, updated_at)
VALUES (?1, ?2, ?3, 1, ?4, ?5)
ON CONFLICT (export_id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, tries = tries + 1,
    export_attempt_id = excluded.export_attempt_id, updated_at = excluded.updated_at
WHERE delivery.state <> 'DELIVERED'
