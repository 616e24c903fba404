-- config/lock_lanes: who agrees on how matching is divided waits for others who do.
SELECT pg_advisory_xact_lock(x'484e0000'::int, 0)
