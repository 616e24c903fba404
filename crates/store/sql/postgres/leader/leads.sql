-- leader/leads: whether nobody has led since this token was given; until this transaction ends, nobody
-- will.
SELECT id FROM leader WHERE token = $1 FOR SHARE
