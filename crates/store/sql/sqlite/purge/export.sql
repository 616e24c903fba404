-- purge/export: the exports of a match.
DELETE FROM export WHERE pairing_id = ?1
