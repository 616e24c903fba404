-- reject/quarantined: records that wait for their MID or location, those after a row.
SELECT r.id, f.feed_name, f.canonical, r.number, r.occurrence, coalesce(t.data, r.data)::text, r.state
FROM rejected_record r
JOIN import_file_log f ON f.id = r.file_id
LEFT JOIN import_transaction t ON t.id = r.import_transaction_id
WHERE r.state = 'QUARANTINED' AND r.id > $1
ORDER BY r.id LIMIT $2
