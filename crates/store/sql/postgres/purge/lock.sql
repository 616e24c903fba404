-- purge/lock: whoever makes a day known as purged waits for those who import.
SELECT pg_advisory_xact_lock(x'48520000'::int, 0)
