-- job/waits_in_lane: whether a job of a lane waits that nobody has begun.
SELECT EXISTS (SELECT 1 FROM job WHERE lane = $1 AND leased_until <= $2)
