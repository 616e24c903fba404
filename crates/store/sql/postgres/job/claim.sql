-- job/claim: the first job that is due and that nobody else is about to take, unless its lane is
-- another holder's. What is busy in this moment is passed over.
SELECT j.id, j.lane FROM job j
WHERE j.queue = $1 AND j.ready_at <= $2 AND j.leased_until <= $2
  AND (j.lane IS NULL OR NOT EXISTS (
      SELECT 1 FROM job other
      WHERE other.lane = j.lane AND other.leased_until > $2 AND other.lease_holder <> $3))
  AND (j.lane IS NULL OR j.lane <> ALL ($4))
ORDER BY j.id
LIMIT 1
FOR UPDATE SKIP LOCKED
