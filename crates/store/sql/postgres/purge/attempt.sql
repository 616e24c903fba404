-- purge/attempt: an attempt to tell a merchant.
DELETE FROM export_attempt WHERE id = ANY ($1)
