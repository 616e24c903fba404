-- commit/token: the mark of a commit, by which it is known whether it was made.
INSERT INTO commit_token (token, at) VALUES ($1, now())
