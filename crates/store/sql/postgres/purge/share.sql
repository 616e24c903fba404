-- purge/share: while this commit lasts, no further day is made known as purged.
SELECT pg_advisory_xact_lock_shared(x'48520000'::int, 0)
