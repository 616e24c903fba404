-- status/payments: payments accepted, by currency.
SELECT currency, count(*), sum(amount)::bigint FROM payment GROUP BY currency ORDER BY currency
