INSERT INTO export_txn (scheme_txn_id, transaction_id, provider, mid, amount, transaction_date,
                        auth_code, card_token)
SELECT s.id, s.transaction_id, s.provider, s.mid, s.amount, s.transaction_date, s.auth_code, p.card_token
FROM m
JOIN txn s ON s.id = m.sid
JOIN txn p ON p.id = m.pid
