-- reject/newest: bad records that still wait, newest first, those before a row.
SELECT r.id, f.feed_name, f.source, r.number, r.state, r.reason, r.field, r.detail, r.data::text,
       r.created_at
FROM rejected_record r JOIN import_file_log f ON f.id = r.file_id
WHERE r.id < $1 AND r.state <> 'REPLAYED'
ORDER BY r.id DESC LIMIT $2
