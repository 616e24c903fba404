-- status/jobs: jobs of each queue that are due, scheduled for later, being worked on.
SELECT queue,
       sum(ready_at <= ?1 AND leased_until <= ?1),
       sum(ready_at > ?1 AND leased_until <= ?1),
       sum(leased_until > ?1)
FROM job GROUP BY queue ORDER BY queue
