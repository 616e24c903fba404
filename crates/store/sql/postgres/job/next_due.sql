-- job/next_due: when the next job of a queue is due.
SELECT min(greatest(ready_at, leased_until)) FROM job WHERE queue = $1
