-- job/done: the job is gone, if the lease is still the committer's own.
DELETE FROM job WHERE id = $1 AND lease_token = $2
