-- file/lock: who makes the row of a file of the log does so alone.
SELECT pg_advisory_xact_lock(x'48460000'::int, hashtext($1))
