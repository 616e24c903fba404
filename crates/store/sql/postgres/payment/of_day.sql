-- payment/of_day: how many payments of a feed are known of a UTC day.
SELECT count(*) FROM payment p WHERE p.day = $1 AND p.feed_id = $2
