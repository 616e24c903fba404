-- sale/same_key: what is known under a key, to tell a duplicate from a conflict.
SELECT date, amount, currency FROM sale WHERE day = ?1 AND feed_id = ?2 AND transaction_id = ?3
