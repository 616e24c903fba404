-- payment/of_sale: what a sale's payments are looked for by.
SELECT s.scheme_id, ms.mids, s.date, s.amount, s.currency
FROM sale s JOIN mid_set ms ON ms.id = s.mid_set_id WHERE s.id = $1
