-- leader/resign: whoever wants to may lead now.
UPDATE leader SET leased_until = 0 WHERE token = ?1
