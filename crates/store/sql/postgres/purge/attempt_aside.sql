-- purge/attempt_aside: attempts stay though their month goes.
UPDATE export_attempt SET month = '-infinity' WHERE month = $1 AND id = ANY ($2)
