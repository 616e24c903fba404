-- purge/pairing: every match that payments are or were in.
DELETE FROM pairing WHERE id = ANY ($1)
