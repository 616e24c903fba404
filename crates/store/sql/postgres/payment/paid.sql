-- payment/paid: the payments of an amount within one UTC day's range of time, of a scheme, at MIDs and by
-- a card where those are known; those known only to the day from earlier on. A day is read through: an
-- index by amount would cost every import.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.card_token, p.first_six,
       p.last_four
FROM payment p
WHERE p.day = $1 AND p.amount = $2 AND p.currency = $3 AND p.date BETWEEN $4 AND $6
  AND (p.date >= $5 OR p.precision = 3) AND ($10::text IS NULL OR p.card_token = $10)
  AND ($7::bigint IS NULL OR p.scheme_id = $7)
  AND ($8::text[] IS NULL OR p.mid = ANY ($8))
ORDER BY p.date, p.id
LIMIT $9
