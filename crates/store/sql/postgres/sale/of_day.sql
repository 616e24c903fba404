-- sale/of_day: how many sales of a feed are known of a UTC day. They are read in the order of their keys,
-- which only the index by key gives.
SELECT count(*) FROM (
    SELECT FROM sale s
    WHERE s.day = $1 AND s.feed_id = $2
    ORDER BY s.day, s.feed_id, s.transaction_id OFFSET 0) known
