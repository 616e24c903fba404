-- numbers/give_back: numbers that no row has.
SELECT return_numbers($1, $2, $3)
