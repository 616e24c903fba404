-- job/insert: work for a later step.
INSERT INTO job (queue, lane, work, ready_at, created_at) VALUES ($1, $2, $3::text::jsonb, $4, $5)
