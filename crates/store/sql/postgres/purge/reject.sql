-- purge/reject: a record that was not taken when it came.
DELETE FROM rejected_record WHERE id = ANY ($1)
