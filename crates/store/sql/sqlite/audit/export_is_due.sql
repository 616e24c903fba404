-- audit/export_is_due: a pending export that no job of its scheme will deliver.
SELECT e.id FROM export e LEFT JOIN delivery d ON d.export_id = e.id
WHERE coalesce(d.state, 'PENDING') IN ('PENDING', 'RETRYING')
  AND NOT EXISTS (SELECT 1 FROM job j
                  WHERE json_extract(j.work, '$.exports.scheme') = e.scheme_id
                    AND e.id BETWEEN json_extract(j.work, '$.exports.exports.range[0]')
                                 AND json_extract(j.work, '$.exports.exports.range[1]'))
  AND NOT EXISTS (SELECT 1 FROM job j, json_each(j.work, '$.exports.exports.ids') one
                  WHERE json_extract(j.work, '$.exports.scheme') = e.scheme_id
                    AND one.value = e.id)
