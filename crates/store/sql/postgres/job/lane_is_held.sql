-- job/lane_is_held: whether somebody works in a lane now.
SELECT EXISTS (SELECT 1 FROM job WHERE lane = $1 AND leased_until > $2)
