-- job/waiting: how many jobs of a queue wait for their turn or are being worked on; no more are counted
-- than are asked about.
SELECT count(*) FROM (SELECT 1 FROM job WHERE queue = $1 AND ready_at <= $2 LIMIT $3) AS waiting
