-- api_key/list: all keys, those that were revoked too.
SELECT id, name, hint, scopes, created_at, expires_at, revoked_at, last_used_at
FROM api_key ORDER BY id
