-- commit/prune: marks of commits of processes that ended before they forgot them.
DELETE FROM commit_token WHERE at < now() - interval '1 day'
