-- commit/resolve: asks after a commit whose answer was lost, by writing its mark again. Where that adds
-- nothing, it was made. It waits for one that is still being made, and one that was not made never will
-- be.
INSERT INTO commit_token (token, at) VALUES ($1, now()) ON CONFLICT (token) DO NOTHING
