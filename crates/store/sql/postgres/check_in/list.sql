-- check_in/list: when each part worked last.
SELECT part, at FROM check_in
