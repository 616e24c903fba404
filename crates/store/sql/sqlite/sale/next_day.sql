-- sale/next_day: the first day on or after a day that has sales: a step of a walk over days.
SELECT min(day) FROM sale WHERE day >= ?1
