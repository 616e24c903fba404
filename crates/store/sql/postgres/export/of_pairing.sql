-- export/of_pairing: whether the merchant is, or was, to be told of a match.
SELECT EXISTS (SELECT 1 FROM export WHERE pairing_id = $1)
