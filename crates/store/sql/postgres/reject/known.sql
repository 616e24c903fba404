-- reject/known: which of these records of a feed are kept already.
SELECT q.fingerprint FROM unnest($2::bytea[]) AS q (fingerprint)
CROSS JOIN LATERAL (
    SELECT FROM rejected_record r
    WHERE r.feed_id = $1 AND r.fingerprint = q.fingerprint OFFSET 0) r
