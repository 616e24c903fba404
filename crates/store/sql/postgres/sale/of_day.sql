-- sale/of_day: how many sales of a feed are known of a UTC day.
SELECT count(*) FROM sale s WHERE s.day = $1 AND s.feed_id = $2
