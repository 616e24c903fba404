-- file/recount: a record of the file that was not taken is new, a duplicate, or waits otherwise.
UPDATE import_file_log SET
    new          = new + $2,
    duplicate    = duplicate + $3,
    rejected     = rejected + $4,
    quarantined  = quarantined + $5,
    amount_minor = amount_minor + $6,
    first_date   = least(first_date, $7),
    last_date    = greatest(last_date, $7)
WHERE id = $1
