-- pairing/void: a match or an end no longer holds; both its sides are free.
UPDATE pairing SET voided_at = $2, voided_by = $3, void_reason = $4
WHERE id = $1 AND voided_at IS NULL
RETURNING scheme_id
