-- commit/forget: marks of commits whose answers came.
DELETE FROM commit_token WHERE token = ANY ($1)
