-- job/lease: a job is a holder's from now on.
UPDATE job SET lease_token = lease_token + 1, lease_holder = $2, leased_until = $3, tries = tries + 1
WHERE id = $1
RETURNING lane, work::text, lease_token, tries
