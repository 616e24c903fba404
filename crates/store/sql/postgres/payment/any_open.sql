-- payment/any_open: whether any payment is open that had its turn.
SELECT EXISTS (SELECT 1 FROM open_payment)
