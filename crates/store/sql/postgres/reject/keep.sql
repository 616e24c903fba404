-- reject/keep: a record that was read again still cannot be taken, and why.
UPDATE rejected_record SET state = $2, reason = $3, field = $4, detail = $5,
                           import_transaction_id = $6, day = $7, transaction_id = $8,
                           fingerprint = coalesce($9, fingerprint)
WHERE id = $1
