-- purge/attempt: attempts to tell a merchant, of some months.
DELETE FROM export_attempt WHERE id = ANY ($1) AND month = ANY ($2::date[])
