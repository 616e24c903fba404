-- api_key/insert: a key of the API.
INSERT INTO api_key (id, name, hint, hash, scopes, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
