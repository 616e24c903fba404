-- export/list: exports as a person reads them, those after a row; of one state or scheme, or made since
-- a time, if named.
SELECT e.id, e.provider_slug, e.transaction_id, e.loyalty_id, e.spend_amount, e.spend_currency,
       e.export_uid::text, e.status, e.status_reason, e.tries, a.destination, a.response, e.created_at,
       e.matched_transaction_id, r.result, r.created_at
FROM export_transaction e
LEFT JOIN delivery d ON d.export_id = e.id
LEFT JOIN export_attempt a ON a.id = d.export_attempt_id AND a.month <= month_of(d.updated_at + interval '1 day')
LEFT JOIN LATERAL (
    SELECT r.result, r.created_at FROM export_answer r
    WHERE r.export_id = e.id ORDER BY r.id DESC LIMIT 1) r ON true
WHERE e.id > $1 AND ($2::text IS NULL OR e.status = $2)
  AND ($4::text IS NULL OR e.provider_slug = $4)
  AND ($5::timestamptz IS NULL OR e.created_at >= $5)
ORDER BY e.id LIMIT $3
