-- audit/matched_is_exported: a match in force without its one export.
SELECT m.id FROM pairing m LEFT JOIN export e ON e.pairing_id = m.id
WHERE m.voided_at IS NULL AND e.id IS NULL
