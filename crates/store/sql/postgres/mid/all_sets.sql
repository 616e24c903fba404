-- mid/all_sets: every list of MIDs.
SELECT id, loyalty_scheme_id, mids, has_days FROM mid_set ORDER BY id
