-- audit/raw_is_typed: an identified raw record without exactly one payment or sale, or the reverse. What
-- was read from it may be purged already where its whole month is to go.
SELECT r.id FROM import_transaction r
LEFT JOIN payment p ON p.id = r.id
LEFT JOIN sale s ON s.id = r.id
WHERE (p.id IS NOT NULL)::int + (s.id IS NOT NULL)::int <> r.identified::int
  AND (coalesce(p.id, s.id) IS NOT NULL OR r.month = '-infinity'
       OR r.month + interval '1 month' > coalesce((SELECT kept_from FROM retention), '-infinity'))
UNION ALL
SELECT p.id FROM payment p WHERE NOT EXISTS (SELECT 1 FROM import_transaction r WHERE r.id = p.id)
UNION ALL
SELECT s.id FROM sale s WHERE NOT EXISTS (SELECT 1 FROM import_transaction r WHERE r.id = s.id)
