-- card/of_token: every scheme that a card is linked in, and whose it is there.
SELECT c.scheme_id, c.loyalty_id, c.user_id, c.scheme_account_id, c.payment_card_account_id,
       c.first_six, c.last_four, c.expiry_month, c.expiry_year
FROM card_link c WHERE c.card_token = $1
ORDER BY c.scheme_id
