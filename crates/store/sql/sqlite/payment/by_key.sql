-- payment/by_key: the payment of a day with a transaction id, whichever feed it came by.
SELECT p.id FROM payment p
WHERE p.day = ?1 AND p.feed_id IN (SELECT id FROM feed) AND p.transaction_id = ?2
