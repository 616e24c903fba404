-- purge/attempt_bounds: the first and the last number of the attempts of a month, and how many they are.
SELECT min(id), max(id), count(*) FROM export_attempt WHERE month = $1
