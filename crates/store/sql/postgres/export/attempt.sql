-- export/attempt: one request, or one stretch of a file, and what came of it.
INSERT INTO export_attempt
    (scheme_id, destination, body, response, error, duration_us, created_at, month)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING id
