-- card/list: linked cards, those after a row.
SELECT c.id, c.card_token, s.slug, c.loyalty_id, c.last_four
FROM card_link c JOIN loyalty_scheme s ON s.id = c.scheme_id
WHERE c.id > $1 ORDER BY c.id LIMIT $2
