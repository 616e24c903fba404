-- leader/lead: this holder leads for so many microseconds, or goes on leading, unless another does. Who
-- follows another has a later token. By the database's clock, so that machines need not agree.
INSERT INTO leader (id, holder, token, leased_until)
VALUES (1, $1, 1, clock_timestamp() + $2::bigint * interval '1 microsecond')
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until,
    token = leader.token + CASE WHEN leader.holder = excluded.holder THEN 0 ELSE 1 END
WHERE leader.holder = excluded.holder OR leader.leased_until <= clock_timestamp()
RETURNING token
