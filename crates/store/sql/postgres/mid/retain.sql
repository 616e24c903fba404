-- mid/retain: a row keeps only some of its term; none of it where it ends as it begins.
UPDATE merchant_identifier SET valid_from = $2, valid_to = $3 WHERE id = $1
