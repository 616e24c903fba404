-- purge/payment: payments.
DELETE FROM payment WHERE id = ANY ($1) RETURNING id, amount
