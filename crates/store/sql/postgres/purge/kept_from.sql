-- purge/kept_from: the first day of which nothing is purged.
SELECT kept_from FROM retention
