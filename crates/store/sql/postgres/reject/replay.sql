-- reject/replay: a record that was not taken is taken up, or in already.
UPDATE rejected_record SET state = 'REPLAYED', import_transaction_id = $2, replayed_at = $3
WHERE id = $1
