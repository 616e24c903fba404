-- mid/set_has_days: a sale of this list is known only to the day.
UPDATE mid_set SET has_days = true WHERE id = $1
