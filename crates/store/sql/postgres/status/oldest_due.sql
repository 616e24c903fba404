-- status/oldest_due: since when the job has been due that has waited longest, by queue.
SELECT queue, min(ready_at) FROM job
WHERE ready_at <= $1 AND leased_until <= $1 GROUP BY queue ORDER BY queue
