-- purge/payments: a page of the payments before a day, those after a key, and whether each may go: it
-- came long ago, its match and its sale too, its exports are over, the payment that counts instead of
-- it is done with, its sale is paid by it alone, and no record waits that may turn out to be it or its
-- sale.
SELECT p.day, p.feed_id, p.transaction_id, p.id, s.id,
       coalesce(p.created_at < $5 AND m.created_at < $5
                AND (s.id IS NULL OR (s.day < $4 AND s.created_at < $5)), false)
       AND NOT EXISTS (SELECT 1 FROM export e LEFT JOIN delivery d ON d.export_id = e.id
                       WHERE e.pairing_id = m.id
                         AND coalesce(d.state, 'PENDING') NOT IN ('DELIVERED', 'CANCELLED',
                                                                  'SKIPPED'))
       AND NOT EXISTS (SELECT 1 FROM pairing v
                       JOIN export e ON e.pairing_id = v.id
                       LEFT JOIN delivery d ON d.export_id = e.id
                       WHERE v.payment_transaction_id = p.id AND v.voided_at IS NOT NULL
                         AND coalesce(d.state, 'PENDING') NOT IN ('DELIVERED', 'CANCELLED',
                                                                  'SKIPPED'))
       AND NOT EXISTS (SELECT 1 FROM payment o
                       LEFT JOIN pairing n ON n.payment_transaction_id = o.id
                                          AND n.voided_at IS NULL AND n.payment_part = 0
                       LEFT JOIN export e ON e.pairing_id = n.id
                       LEFT JOIN delivery d ON d.export_id = e.id
                       WHERE o.id = m.other_payment_transaction_id
                         AND (n.id IS NULL
                              OR e.id IS NOT NULL
                                 AND coalesce(d.state, 'PENDING') NOT IN ('DELIVERED', 'CANCELLED',
                                                                          'SKIPPED')))
       AND NOT EXISTS (SELECT 1 FROM pairing q
                       WHERE q.scheme_transaction_id = m.scheme_transaction_id
                         AND q.voided_at IS NULL AND q.id <> m.id)
       AND NOT EXISTS (SELECT 1 FROM rejected_record r
                       WHERE r.state = 'QUARANTINED' AND r.feed_id = p.feed_id
                         AND r.day = p.day AND r.transaction_id = p.transaction_id)
       AND NOT EXISTS (SELECT 1 FROM rejected_record r
                       WHERE r.state = 'QUARANTINED' AND r.feed_id = s.feed_id
                         AND r.day = s.day AND r.transaction_id = s.transaction_id)
FROM payment p
LEFT JOIN pairing m ON m.payment_transaction_id = p.id AND m.voided_at IS NULL
                   AND m.payment_part = 0
LEFT JOIN sale s ON s.id = m.scheme_transaction_id
WHERE (p.day, p.feed_id, p.transaction_id) > ($1, $2, $3) AND p.day < $4
ORDER BY p.day, p.feed_id, p.transaction_id
LIMIT $6
