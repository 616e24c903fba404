-- audit/file_counts: a file whose count or sum of new records is not that of the rows and answers it
-- brought and of those that were purged.
SELECT f.id FROM import_file_log f
LEFT JOIN (
    SELECT r.file_id, count(*) AS count, sum(coalesce(p.amount, s.amount)) AS amount
    FROM import_transaction r
    LEFT JOIN payment p ON p.id = r.id
    LEFT JOIN sale s ON s.id = r.id
    WHERE r.identified AND coalesce(p.id, s.id) IS NOT NULL
    GROUP BY r.file_id) rows ON rows.file_id = f.id
LEFT JOIN (SELECT file_id, count(*) AS count FROM export_answer GROUP BY file_id) answers
    ON answers.file_id = f.id
WHERE f.new <> coalesce(rows.count, 0) + coalesce(answers.count, 0) + f.purged
   OR f.amount_minor <> coalesce(rows.amount, 0) + f.purged_amount_minor
