-- What sweeping needs was there from the first migration on: nothing is left to be done.
SELECT 1;
