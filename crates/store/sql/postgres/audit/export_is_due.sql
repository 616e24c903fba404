-- audit/export_is_due: a pending export that no job of its scheme will deliver.
SELECT e.id FROM export e LEFT JOIN delivery d ON d.export_id = e.id
WHERE coalesce(d.state, 'PENDING') IN ('PENDING', 'RETRYING')
  AND NOT EXISTS (SELECT 1 FROM job j
                  WHERE (j.work #> '{exports,scheme}')::bigint = e.scheme_id
                    AND e.id BETWEEN (j.work #> '{exports,exports,range,0}')::bigint
                                 AND (j.work #> '{exports,exports,range,1}')::bigint)
  AND NOT EXISTS (SELECT 1 FROM job j
                  WHERE (j.work #> '{exports,scheme}')::bigint = e.scheme_id
                    AND j.work #> '{exports,exports,ids}' @> to_jsonb(e.id))
