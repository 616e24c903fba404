-- purge/raw_bounds: the first and the last number of the raw records of a month.
SELECT min(id), max(id) FROM import_transaction WHERE month = $1
