-- export/handle: what a person decides about an export that still stands where it was seen.
INSERT INTO delivery (export_id, state, reason, tries, updated_at)
SELECT e.id, $3::text, $4::text, 0, $5::timestamptz FROM export e
WHERE e.id = $1
  AND ($2::text = 'PENDING' OR EXISTS (SELECT 1 FROM delivery d WHERE d.export_id = e.id))
ON CONFLICT (export_id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, due_at = NULL, updated_at = excluded.updated_at
WHERE delivery.state = $2
