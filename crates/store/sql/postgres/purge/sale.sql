-- purge/sale: sales.
DELETE FROM sale WHERE id = ANY ($1) RETURNING id, amount
