-- answer/is_known: whether an export had an answer before.
SELECT EXISTS (SELECT 1 FROM export_answer WHERE export_id = $1 AND result = $2)
