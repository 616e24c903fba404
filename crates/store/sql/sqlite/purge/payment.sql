-- purge/payment: a payment.
DELETE FROM payment WHERE id = ?1 RETURNING amount
