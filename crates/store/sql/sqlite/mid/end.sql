-- mid/end: an identifier is no longer in force.
UPDATE merchant_identifier SET valid_to = max(?2, valid_from) WHERE id = ?1
