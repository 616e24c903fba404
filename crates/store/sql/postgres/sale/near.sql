-- sale/near: the sales of a MID list on one UTC day and near a time, nearest first.
SELECT s.id, abs(extract(epoch FROM s.date - $3) * 1000000)::bigint AS apart
FROM sale s
WHERE s.day = $1 AND s.mid_set_id = $2
ORDER BY (s.amount <> $4 OR s.currency <> $6), apart, s.id
LIMIT $5
