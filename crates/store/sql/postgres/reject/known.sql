-- reject/known: which of these records of a feed are kept already.
SELECT fingerprint FROM rejected_record WHERE feed_id = $1 AND fingerprint = ANY ($2)
