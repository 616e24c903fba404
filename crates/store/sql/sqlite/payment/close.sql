-- payment/close: a payment that was open is so no longer.
DELETE FROM open_payment WHERE payment_transaction_id = ?1
