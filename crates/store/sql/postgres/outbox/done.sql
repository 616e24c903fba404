-- outbox/done: what was announced.
DELETE FROM outbox WHERE id = ANY ($1)
