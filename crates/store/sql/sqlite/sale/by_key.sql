-- sale/by_key: the sale of a day with a transaction id, whichever feed it came by.
SELECT s.id FROM sale s
WHERE s.day = ?1 AND s.feed_id IN (SELECT id FROM feed) AND s.transaction_id = ?2
