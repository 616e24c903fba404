-- api_key/used: when a key was used last; never back in time.
UPDATE api_key SET last_used_at = $2 WHERE id = $1 AND coalesce(last_used_at, '-infinity') < $2
