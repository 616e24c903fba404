-- payment/paid: the payments of an amount within one UTC day's range of time, of a scheme and at MIDs
-- where those are known. A day is read through: an index by amount would cost every import.
SELECT p.id, p.feed_id, p.scheme_id, p.mid, p.date, p.precision, p.card_token, p.first_six,
       p.last_four
FROM payment p
WHERE p.day = ?1 AND p.amount = ?2 AND p.currency = ?3 AND p.date BETWEEN ?4 AND ?5
  AND (?6 IS NULL OR p.scheme_id = ?6)
  AND (?7 IS NULL OR p.mid IN (SELECT value FROM json_each(?7)))
ORDER BY p.date, p.id
LIMIT ?8
