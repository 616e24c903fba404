-- leader/free_holder: a holder that is no more does not lead either.
UPDATE leader SET leased_until = 0 WHERE holder = ?1
