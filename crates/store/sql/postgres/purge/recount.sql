-- purge/recount: some of the records that a file brought are purged.
UPDATE import_file_log SET purged = purged + $2, purged_amount_minor = purged_amount_minor + $3
WHERE id = $1
