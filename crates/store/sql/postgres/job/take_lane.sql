-- job/take_lane: a lane passes to a holder whole: what another let run out in it is no longer its.
UPDATE job SET lease_token = lease_token + 1, lease_holder = NULL, leased_until = '-infinity'
WHERE lane = $1 AND lease_holder <> $2
