-- leader/lead: this holder leads, or goes on leading, unless another does. Who follows another has a
-- later token.
INSERT INTO leader (id, holder, token, leased_until) VALUES (1, ?1, 1, ?3)
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until,
    token = leader.token + (leader.holder <> excluded.holder)
WHERE leader.holder = excluded.holder OR leader.leased_until <= ?2
RETURNING token
