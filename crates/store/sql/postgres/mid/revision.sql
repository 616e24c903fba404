-- mid/revision: whether what a reader remembers still holds.
SELECT number FROM revision WHERE name = $1
