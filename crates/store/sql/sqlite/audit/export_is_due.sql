-- audit/export_is_due: an export that is to be sent, or may be out, and that no job of its scheme will
-- take up; what is uncertain and has no time for another try waits for a person.
SELECT e.id FROM export e LEFT JOIN delivery d ON d.export_id = e.id
WHERE (coalesce(d.state, 'PENDING') IN ('PENDING', 'IN_FLIGHT', 'RETRYING')
       OR d.due_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM job j
                  WHERE json_extract(j.work, '$.exports.scheme') = e.scheme_id
                    AND e.id BETWEEN json_extract(j.work, '$.exports.exports.range[0]')
                                 AND json_extract(j.work, '$.exports.exports.range[1]'))
  AND NOT EXISTS (SELECT 1 FROM job j, json_each(j.work, '$.exports.exports.ids') one
                  WHERE json_extract(j.work, '$.exports.scheme') = e.scheme_id
                    AND one.value = e.id)
