-- sale/days: the first and the last UTC day that has sales.
SELECT (SELECT min(day) FROM sale), (SELECT max(day) FROM sale)
