-- raw/newest: the newest row there is.
SELECT coalesce(max(id), 0) FROM import_transaction
