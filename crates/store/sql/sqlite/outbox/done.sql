-- outbox/done: one that was announced.
DELETE FROM outbox WHERE id = ?1
