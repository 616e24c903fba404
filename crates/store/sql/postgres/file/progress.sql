-- file/progress: what a stretch of the file added. What is in its row already adds to it where it is a
-- row of messages, which is always finished.
UPDATE import_file_log SET
    records_read = CASE WHEN state = 'IMPORTED' THEN records_read + $2 ELSE $2 END,
    size_bytes   = size_bytes + $14,
    new          = new + $3,
    duplicate    = duplicate + $4,
    skipped      = skipped + $5,
    rejected     = rejected + $6,
    quarantined  = quarantined + $7,
    amount_minor = amount_minor + $8,
    first_date   = least(first_date, $9),
    last_date    = greatest(last_date, $10),
    state        = $11::text,
    refusal      = $12,
    finished_at  = CASE WHEN $11::text = 'IMPORTING' THEN NULL ELSE $13::timestamptz END
WHERE id = $1
