-- job/is_first: whether a job that is about to be leased is the first due of its lane, and the lane is
-- no other holder's.
SELECT NOT EXISTS (
    SELECT 1 FROM job other
    WHERE other.lane = $1
      AND (other.leased_until > $3 AND other.lease_holder <> $4
           OR other.id < $2 AND other.queue = $5 AND other.ready_at <= $3
              AND other.leased_until <= $3))
