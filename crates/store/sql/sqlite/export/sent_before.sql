-- export/sent_before: the exports of a range that were tried before and are not settled, each with its
-- request, if one was frozen.
SELECT d.export_id, d.state, d.tries, d.first_sent_at, d.due_at, r.sealed
FROM delivery d
JOIN export e ON e.id = d.export_id
LEFT JOIN export_request r ON r.export_id = d.export_id
WHERE d.export_id BETWEEN ?1 AND ?2 AND e.scheme_id = ?3
  AND d.state NOT IN ('DELIVERED', 'SKIPPED', 'CANCELLED')
ORDER BY d.export_id
