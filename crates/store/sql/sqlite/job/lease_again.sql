-- job/lease_again: takes over the lease of an interrupted import.
UPDATE job SET lease_token = lease_token + 1, lease_holder = ?2, leased_until = ?3,
               tries = tries + 1
WHERE id = ?1
RETURNING lease_token
