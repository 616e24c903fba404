-- mid/insert_set: a list of MIDs, sorted, as JSON.
INSERT INTO mid_set (loyalty_scheme_id, mids, has_days) VALUES (?1, ?2, ?3)
