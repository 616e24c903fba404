-- status/exports: exports by state; one without a delivery is pending.
SELECT 'PENDING', (SELECT count(*) FROM export) - (SELECT count(*) FROM delivery
                                                   WHERE state <> 'PENDING')
UNION ALL
SELECT state, count(*) FROM delivery WHERE state <> 'PENDING' GROUP BY state
