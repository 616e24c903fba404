-- job/claim: leases the first job that is due, unless its lane is another holder's, or one of those (a
-- JSON array) that its own has in hand.
UPDATE job SET lease_token = lease_token + 1, lease_holder = ?2, leased_until = ?3,
               tries = tries + 1
WHERE id = (
    SELECT j.id FROM job j
    WHERE j.queue = ?4 AND j.ready_at <= ?1 AND j.leased_until <= ?1
      AND (j.lane IS NULL OR NOT EXISTS (
          SELECT 1 FROM job other
          WHERE other.lane = j.lane AND other.leased_until > ?1 AND other.lease_holder <> ?2))
      AND (j.lane IS NULL OR j.lane NOT IN (SELECT value FROM json_each(?5)))
    ORDER BY j.id
    LIMIT 1)
RETURNING id, lane, work, lease_token, tries
