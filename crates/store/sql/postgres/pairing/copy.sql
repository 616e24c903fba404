-- pairing/copy: what became of payments; the unique keys refuse a second for one or for its sale.
COPY pairing
    (id, payment_transaction_id, scheme_transaction_id, other_payment_transaction_id, scheme_id,
     matching_type, evidence, difference, payment_part, sale_part, match_group, operator, reason,
     created_at)
FROM STDIN (FORMAT binary)
