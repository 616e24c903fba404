-- reject/keep: a record that was read again still cannot be taken, and why.
UPDATE rejected_record SET state = ?2, reason = ?3, field = ?4, detail = ?5,
                           import_transaction_id = ?6
WHERE id = ?1
