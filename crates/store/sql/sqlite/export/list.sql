-- export/list: exports as a person reads them, those after a row; of one state or scheme, or made since
-- a time, if named.
SELECT e.id, e.provider_slug, e.transaction_id, e.loyalty_id, e.spend_amount, e.spend_currency,
       e.export_uid, e.status, e.status_reason, e.tries, a.destination, a.response, e.created_at,
       e.matched_transaction_id, r.result, r.created_at
FROM export_transaction e
LEFT JOIN export_attempt a ON a.id = e.export_attempt_id
LEFT JOIN export_answer r ON r.id = (SELECT max(id) FROM export_answer WHERE export_id = e.id)
WHERE e.id > ?1 AND (?2 IS NULL OR e.status = ?2)
  AND (?4 IS NULL OR e.provider_slug = ?4) AND (?5 IS NULL OR e.created_at >= ?5)
ORDER BY e.id LIMIT ?3
