-- export/send: an export is in flight, unless it is settled, or a person keeps it back.
INSERT INTO delivery (export_id, state, tries, first_sent_at, updated_at)
VALUES (?1, 'IN_FLIGHT', 0, ?2, ?2)
ON CONFLICT (export_id) DO UPDATE SET
    state = 'IN_FLIGHT', due_at = NULL, first_sent_at = coalesce(first_sent_at, ?2), updated_at = ?2
WHERE delivery.state IN ('PENDING', 'IN_FLIGHT', 'RETRYING', 'UNCERTAIN')
