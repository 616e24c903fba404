-- reject/list: bad records as a person reads them, those after a row.
SELECT r.id, f.feed_name, f.source, r.number, r.state, r.reason, r.field, r.detail, r.data::text,
       r.created_at
FROM rejected_record r JOIN import_file_log f ON f.id = r.file_id
WHERE r.id > $1 AND CASE WHEN $3::text IS NULL THEN r.state <> 'REPLAYED' ELSE r.state = $3 END
ORDER BY r.id LIMIT $2
