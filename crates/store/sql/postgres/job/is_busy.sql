-- job/is_busy: whether a job of a queue waits for its turn or is being worked on.
SELECT EXISTS (SELECT 1 FROM job WHERE queue = $1 AND ready_at <= $2)
