-- export/thaw: the request of an export that is settled is needed no more.
DELETE FROM export_request WHERE export_id = ?1
