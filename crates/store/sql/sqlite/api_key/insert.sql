-- api_key/insert: a key of the API.
INSERT INTO api_key (name, hint, hash, scopes, created_at, expires_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
