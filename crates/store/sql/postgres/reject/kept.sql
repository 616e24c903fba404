-- reject/kept: one record that was not taken, to be read again.
SELECT r.id, f.feed_name, f.canonical, r.number, r.occurrence, coalesce(t.data, r.data)::text, r.state
FROM rejected_record r
JOIN import_file_log f ON f.id = r.file_id
LEFT JOIN import_transaction t ON t.id = r.import_transaction_id
    AND (t.month >= month_of(r.created_at - interval '1 day') OR t.month = '-infinity')
WHERE r.id = $1
