-- numbers/next_raw: the number that the next raw record will have, unless another takes it first.
SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM import_transaction_number
