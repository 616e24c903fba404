-- numbers/take: the first of a block of numbers that nobody else is given.
SELECT take_numbers($1, $2)
