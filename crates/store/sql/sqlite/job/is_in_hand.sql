-- job/is_in_hand: whether a job of a queue is being worked on.
SELECT EXISTS (SELECT 1 FROM job WHERE queue = ?1 AND leased_until > ?2)
