-- purge/delivery: where the exports of matches stood.
DELETE FROM delivery WHERE export_id IN (SELECT id FROM export WHERE pairing_id = ANY ($1))
