-- schedule/list: when each schedule ticked last.
SELECT name, last_tick FROM schedule
