-- PostgreSQL keeps raw records and attempts by month. One file has no parts to drop: nothing to be done.
SELECT 1;
