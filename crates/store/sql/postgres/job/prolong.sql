-- job/prolong: the lease holds longer, if it is still the committer's own.
UPDATE job SET leased_until = $3 WHERE id = $1 AND lease_token = $2
