INSERT INTO matched_txn (payment_id, scheme_id, rule) SELECT pid, sid, rule FROM m
