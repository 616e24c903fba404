-- export/thaw: the requests of exports that are settled are needed no more.
DELETE FROM export_request WHERE export_id = ANY ($1)
