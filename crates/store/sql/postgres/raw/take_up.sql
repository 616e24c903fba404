-- raw/take_up: a raw record that was kept is as it is read now.
UPDATE import_transaction SET identified = $2, data = $3::text::json WHERE id = $1
