-- mid/find_set: the list's row.
SELECT id, has_days FROM mid_set WHERE loyalty_scheme_id = $1 AND mids = $2
