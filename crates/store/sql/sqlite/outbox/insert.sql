-- outbox/insert: something to be announced.
INSERT INTO outbox (topic, message, created_at) VALUES (?1, ?2, ?3)
