-- status/sales: sales accepted, by currency.
SELECT currency, count(*), sum(amount)::bigint FROM sale GROUP BY currency ORDER BY currency
