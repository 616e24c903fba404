-- job/next_due: when the next job of a queue is due, and what time it is here.
SELECT min(greatest(ready_at, leased_until)), clock_timestamp() FROM job WHERE queue = $1
