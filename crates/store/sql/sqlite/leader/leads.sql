-- leader/leads: whether nobody has led since this token was given.
SELECT EXISTS (SELECT 1 FROM leader WHERE token = ?1)
