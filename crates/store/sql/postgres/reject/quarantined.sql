-- reject/quarantined: records that wait for their MID or location, those after a row. A raw record
-- is made with its bad one or later, by clocks that may differ: no month before that is looked into.
SELECT r.id, f.feed_name, f.canonical, r.number, r.occurrence, coalesce(t.data, r.data)::text, r.state
FROM rejected_record r
JOIN import_file_log f ON f.id = r.file_id
LEFT JOIN import_transaction t ON t.id = r.import_transaction_id
    AND (t.month >= month_of(r.created_at - interval '1 day') OR t.month = '-infinity')
WHERE r.state = 'QUARANTINED' AND r.id > $1
ORDER BY r.id LIMIT $2
