-- purge/sale: a sale.
DELETE FROM sale WHERE id = ?1 RETURNING amount
