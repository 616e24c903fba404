-- payment/next_day: the first day on or after a day that has payments: a step of a walk over days.
SELECT min(day) FROM payment WHERE day >= ?1
