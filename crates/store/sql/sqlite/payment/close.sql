-- payment/close: a payment that was open has its match.
DELETE FROM open_payment WHERE payment_transaction_id = ?1
