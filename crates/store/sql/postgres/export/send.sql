-- export/send: exports are in flight, unless they are settled, or a person keeps them back.
INSERT INTO delivery (export_id, state, tries, first_sent_at, updated_at)
SELECT id, 'IN_FLIGHT', 0, $2::timestamptz, $2::timestamptz FROM unnest($1::bigint[]) AS id
ON CONFLICT (export_id) DO UPDATE SET
    state = 'IN_FLIGHT', due_at = NULL,
    first_sent_at = coalesce(delivery.first_sent_at, excluded.first_sent_at),
    updated_at = excluded.updated_at
WHERE delivery.state IN ('PENDING', 'IN_FLIGHT', 'RETRYING', 'UNCERTAIN')
