-- answer/purge: what a merchant answered to the exports of matches, and the files that brought it.
DELETE FROM export_answer
WHERE export_id IN (SELECT id FROM export WHERE pairing_id = ANY ($1))
RETURNING file_id
