-- job/free_holder: a holder that is no more holds nothing, and should it commit late, it is refused.
UPDATE job SET leased_until = 0, lease_holder = NULL, lease_token = lease_token + 1
WHERE lease_holder = ?1
