-- check_in/set: a part of Harmonia worked at a time. The latest counts, whoever's clock is behind.
INSERT INTO check_in (part, at) VALUES ($1, $2)
ON CONFLICT (part) DO UPDATE SET at = greatest(check_in.at, excluded.at)
