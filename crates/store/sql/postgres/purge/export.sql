-- purge/export: the exports of matches.
DELETE FROM export WHERE pairing_id = ANY ($1)
