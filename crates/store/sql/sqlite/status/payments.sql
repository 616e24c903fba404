-- status/payments: payments accepted, by currency.
SELECT currency, count(*), sum(amount) FROM payment GROUP BY currency ORDER BY currency
