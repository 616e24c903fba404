-- reject/listed: whether another record of the feed is kept as the same.
SELECT EXISTS (SELECT 1 FROM rejected_record
               WHERE feed_id = $1 AND fingerprint = $2 AND id <> $3)
