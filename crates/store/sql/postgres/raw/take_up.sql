-- raw/take_up: a raw record that was kept is as it is read now, and of the month in which it is.
UPDATE import_transaction SET identified = $2, data = $3::text::json, month = $4 WHERE id = $1
