-- schedule/tick: a schedule ticks, unless it ticked then or later already.
INSERT INTO schedule (name, last_tick) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET last_tick = excluded.last_tick
WHERE schedule.last_tick < excluded.last_tick
