-- sale/open: the open sales of a range.
SELECT s.id, s.mid_set_id, s.payment_provider_slug, s.date, s.precision, s.amount, s.currency,
       s.first_six, s.last_four, s.auth_code, s.created_at, s.scheme_id
FROM sale s
WHERE s.id BETWEEN ?1 AND ?2
  AND NOT EXISTS (SELECT 1 FROM pairing m
                  WHERE m.scheme_transaction_id = s.id AND m.voided_at IS NULL)
ORDER BY s.id
