-- audit/export_is_due: an export that is to be sent, or may be out, and that no job of its scheme will
-- take up; what is uncertain and has no time for another try waits for a person.
SELECT e.id FROM export e LEFT JOIN delivery d ON d.export_id = e.id
WHERE (coalesce(d.state, 'PENDING') IN ('PENDING', 'IN_FLIGHT', 'RETRYING')
       OR d.due_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM job j
                  WHERE (j.work #> '{exports,scheme}')::bigint = e.scheme_id
                    AND e.id BETWEEN (j.work #> '{exports,exports,range,0}')::bigint
                                 AND (j.work #> '{exports,exports,range,1}')::bigint)
  AND NOT EXISTS (SELECT 1 FROM job j
                  WHERE (j.work #> '{exports,scheme}')::bigint = e.scheme_id
                    AND j.work #> '{exports,exports,ids}' @> to_jsonb(e.id))
