-- export/deliver: where an export stands now. What is settled stays so. The row that is proposed has to
-- pass the checks, even where another is there already.
INSERT INTO delivery
    (export_id, state, reason, tries, export_attempt_id, due_at, first_sent_at, updated_at)
VALUES (?1, ?2, ?3, 1, ?4, ?5,
        CASE WHEN ?2 IN ('IN_FLIGHT', 'UNCERTAIN')
             THEN (SELECT first_sent_at FROM delivery WHERE export_id = ?1) END,
        ?6)
ON CONFLICT (export_id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, tries = tries + 1,
    export_attempt_id = excluded.export_attempt_id, due_at = excluded.due_at,
    updated_at = excluded.updated_at
WHERE delivery.state NOT IN ('DELIVERED', 'SKIPPED', 'CANCELLED')
