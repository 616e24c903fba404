-- purge/exports: how many exports a match has.
SELECT count(*) FROM export WHERE pairing_id = ?1
