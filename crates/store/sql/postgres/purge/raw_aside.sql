-- purge/raw_aside: raw records stay though their month goes.
UPDATE import_transaction SET month = '-infinity' WHERE month = $1 AND id = ANY ($2)
