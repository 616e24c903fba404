-- card/known: which cards are linked already, by their places among those asked about.
SELECT q.place
FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS q (card_token, scheme_id, place)
JOIN card_link c ON c.card_token = q.card_token AND c.scheme_id = q.scheme_id
