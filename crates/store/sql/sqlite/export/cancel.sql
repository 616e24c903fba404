-- export/cancel: an export whose match was undone is never sent; one of which a request may be out is left
-- alone, unless a person gave it up before.
INSERT INTO delivery (export_id, state, reason, tries, updated_at)
SELECT e.id, 'CANCELLED', ?2, 0, ?3 FROM export e WHERE e.pairing_id = ?1
ON CONFLICT (export_id) DO UPDATE SET state = 'CANCELLED', reason = excluded.reason,
                                      updated_at = excluded.updated_at
WHERE delivery.state = 'CANCELLED'
   OR delivery.state IN ('PENDING', 'RETRYING', 'HELD', 'FAILED') AND delivery.first_sent_at IS NULL
