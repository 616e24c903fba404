-- purge/last_number: the last number that a table gave out, whose row may be gone after this.
INSERT INTO last_number (name, number) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET number = excluded.number WHERE excluded.number > number
