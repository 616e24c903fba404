-- api_key/revoke: takes a key back, once.
UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL
