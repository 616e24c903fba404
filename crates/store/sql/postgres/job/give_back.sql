-- job/give_back: the job waits to be taken up again. The lease is over: its
-- token is refused from now on.
UPDATE job SET leased_until = '-infinity', lease_holder = NULL, lease_token = lease_token + 1, ready_at = $3
WHERE id = $1 AND lease_token = $2
