-- api_key/find: the key with a hash.
SELECT id, name, hint, scopes, created_at, expires_at, revoked_at, last_used_at
FROM api_key WHERE hash = $1
