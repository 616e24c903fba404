-- month/drop: the part of a month goes, unless somebody is reading it; whether it is gone.
SELECT drop_month($1, $2)
