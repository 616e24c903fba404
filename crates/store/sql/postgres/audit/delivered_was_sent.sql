-- audit/delivered_was_sent: a delivery without its export or without its attempt.
SELECT d.export_id FROM delivery d
LEFT JOIN export e ON e.id = d.export_id
LEFT JOIN export_attempt a ON a.id = d.export_attempt_id
WHERE e.id IS NULL OR (d.state = 'DELIVERED' AND a.id IS NULL)
