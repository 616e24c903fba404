-- month/make: the parts of a month and of the next one, where they are missing.
SELECT make_months($1)
