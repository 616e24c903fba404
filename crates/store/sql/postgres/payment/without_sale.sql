-- payment/without_sale: the newest payments of a scheme that found no sale.
SELECT payment_transaction_id FROM open_payment
WHERE scheme_id = $1 AND reason = 'NO_SALE'
ORDER BY payment_transaction_id DESC LIMIT $2
