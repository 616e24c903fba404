-- job/waits_for_match: whether anything lies in a lane of matching.
SELECT EXISTS (SELECT 1 FROM job WHERE queue IN ('matching', 'identify') AND lane IS NOT NULL)
