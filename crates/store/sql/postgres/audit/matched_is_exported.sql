-- audit/matched_is_exported: a match in force, streamed or swept payment without its one export.
SELECT m.id FROM pairing m LEFT JOIN export e ON e.pairing_id = m.id
WHERE m.voided_at IS NULL AND m.sale_part = 0 AND e.id IS NULL
  AND m.matching_type NOT IN ('SUPERSEDED', 'SETTLEMENT', 'DUPLICATE')
