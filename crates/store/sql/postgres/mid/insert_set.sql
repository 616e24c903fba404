-- mid/insert_set: a list of MIDs, sorted.
INSERT INTO mid_set (id, loyalty_scheme_id, mids, has_days) VALUES ($1, $2, $3, $4)
