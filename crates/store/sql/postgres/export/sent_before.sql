-- export/sent_before: the exports of ranges that were tried before and are not settled, each with its
-- request, if one was frozen.
SELECT d.export_id, d.state, d.tries, d.first_sent_at, d.due_at, r.sealed
FROM unnest($1::bigint[], $2::bigint[]) AS s (first, last)
CROSS JOIN LATERAL (
    SELECT * FROM delivery d
    WHERE d.export_id BETWEEN s.first AND s.last
      AND d.state NOT IN ('DELIVERED', 'SKIPPED', 'CANCELLED') OFFSET 0) d
CROSS JOIN LATERAL (
    SELECT 1 FROM export e WHERE e.id = d.export_id AND e.scheme_id = $3 OFFSET 0) e
LEFT JOIN LATERAL (
    SELECT r.sealed FROM export_request r WHERE r.export_id = d.export_id OFFSET 0) r ON true
ORDER BY d.export_id
