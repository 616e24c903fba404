-- purge/pairing: a match.
DELETE FROM pairing WHERE id = ?1
