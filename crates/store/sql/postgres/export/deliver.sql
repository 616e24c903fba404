-- export/deliver: where exports stand now. What is settled stays so. The rows that are proposed have to
-- pass the checks, even where others are there already.
INSERT INTO delivery
    (export_id, state, reason, tries, export_attempt_id, due_at, first_sent_at, updated_at)
SELECT d.export_id, d.state, d.reason, 1, $4::bigint, d.due_at,
       CASE WHEN d.state IN ('IN_FLIGHT', 'UNCERTAIN')
            THEN (SELECT b.first_sent_at FROM delivery b WHERE b.export_id = d.export_id) END,
       $5::timestamptz
FROM unnest($1::bigint[], $2::text[], $3::text[], $6::timestamptz[])
    AS d (export_id, state, reason, due_at)
ON CONFLICT (export_id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, tries = delivery.tries + 1,
    export_attempt_id = excluded.export_attempt_id, due_at = excluded.due_at,
    updated_at = excluded.updated_at
WHERE delivery.state NOT IN ('DELIVERED', 'SKIPPED', 'CANCELLED')
