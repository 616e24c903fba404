-- file/recount: a record of the file that was not taken is new, a duplicate, or waits otherwise.
UPDATE import_file_log SET
    new          = new + ?2,
    duplicate    = duplicate + ?3,
    rejected     = rejected + ?4,
    quarantined  = quarantined + ?5,
    amount_minor = amount_minor + ?6,
    first_date   = min(coalesce(first_date, ?7), coalesce(?7, first_date)),
    last_date    = max(coalesce(last_date, ?7), coalesce(?7, last_date))
WHERE id = ?1
