-- leader/resign: whoever wants to may lead now.
UPDATE leader SET leased_until = '-infinity' WHERE token = $1
