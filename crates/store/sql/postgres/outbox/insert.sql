-- outbox/insert: what is to be announced, in the order given.
INSERT INTO outbox (topic, message, created_at)
SELECT q.topic, q.message, $3
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q (topic, message, place)
ORDER BY q.place
