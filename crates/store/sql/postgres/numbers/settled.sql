-- numbers/settled: the number up to which every raw record is there to be seen.
SELECT settled_number()
