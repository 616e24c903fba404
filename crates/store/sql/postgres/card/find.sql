-- card/find: whose card each is in a scheme, by its place among those asked about.
SELECT q.place, c.loyalty_id, c.user_id, c.scheme_account_id, c.payment_card_account_id, c.first_six,
       c.last_four, c.expiry_month, c.expiry_year, c.credentials
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS q (card_token, scheme_id, place)
JOIN card_link c ON c.card_token = q.card_token AND c.scheme_id = q.scheme_id
