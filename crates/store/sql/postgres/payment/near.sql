-- payment/near: the payments of a scheme on one UTC day that carry a MID, nearest to a time first.
SELECT p.id, (p.amount <> $4 OR p.currency <> $7) AS differs, abs(extract(epoch FROM p.date - $3) * 1000000)::bigint AS apart
FROM payment p
WHERE p.day = $1 AND p.scheme_id = $2 AND p.mid = ANY ($6)
ORDER BY differs, apart, p.id
LIMIT $5
