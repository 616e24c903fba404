-- purge/delivery: where the exports of a match stood.
DELETE FROM delivery WHERE export_id IN (SELECT id FROM export WHERE pairing_id = ?1)
