-- file/progress: what a stretch of the file added. What is in its row already adds to it where it is a
-- row of messages, which is always finished.
UPDATE import_file_log SET
    records_read = CASE WHEN state = 'IMPORTED' THEN records_read + ?2 ELSE ?2 END,
    size_bytes   = size_bytes + ?14,
    new          = new + ?3,
    duplicate    = duplicate + ?4,
    skipped      = skipped + ?5,
    rejected     = rejected + ?6,
    quarantined  = quarantined + ?7,
    amount_minor = amount_minor + ?8,
    first_date   = min(coalesce(first_date, ?9), coalesce(?9, first_date)),
    last_date    = max(coalesce(last_date, ?10), coalesce(?10, last_date)),
    state        = ?11,
    refusal      = ?12,
    finished_at  = CASE WHEN ?11 = 'IMPORTING' THEN NULL ELSE ?13 END
WHERE id = ?1
