-- payment/close: payments that were open are so no longer.
DELETE FROM open_payment WHERE payment_transaction_id = ANY ($1)
