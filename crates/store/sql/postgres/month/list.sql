-- month/list: the months of which a table has parts, by their first days.
SELECT to_date(right(part.relname::text, 7), 'YYYY_MM') AS month
FROM pg_inherits i
JOIN pg_class part ON part.oid = i.inhrelid
WHERE i.inhparent = to_regclass($1::text) AND part.relname <> $1::text || '_rest'
ORDER BY month
