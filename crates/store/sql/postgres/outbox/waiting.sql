-- outbox/waiting: the first of what waits to be announced, in the order it was written.
SELECT id, topic, message FROM outbox ORDER BY id LIMIT $1
