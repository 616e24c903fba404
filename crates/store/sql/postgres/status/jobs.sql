-- status/jobs: jobs of each queue that are due, scheduled for later, being worked on.
SELECT queue,
       count(*) FILTER (WHERE ready_at <= $1 AND leased_until <= $1),
       count(*) FILTER (WHERE ready_at > $1 AND leased_until <= $1),
       count(*) FILTER (WHERE leased_until > $1)
FROM job GROUP BY queue ORDER BY queue
