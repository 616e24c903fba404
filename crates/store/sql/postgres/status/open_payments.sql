-- status/open_payments: payments that had their turn and are open, by reason.
SELECT reason, count(*) FROM open_payment GROUP BY reason ORDER BY reason
