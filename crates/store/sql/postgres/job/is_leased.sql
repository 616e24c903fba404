-- job/is_leased: whether a lease is in force, asked after a claim whose answer was lost. It waits for one
-- that is still being made.
SELECT 1 FROM job WHERE id = $1 AND lease_token = $2 FOR UPDATE
