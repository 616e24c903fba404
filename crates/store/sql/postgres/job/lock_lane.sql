-- job/lock_lane: who leases a job of a lane, and who must know that nobody does, go one after the other.
SELECT pg_advisory_xact_lock(x'484c0000'::int, hashint8($1))
