-- status/exports: exports by state; one without a delivery is pending.
SELECT state, count FROM (
    SELECT 0 AS place, 'PENDING' COLLATE "C" AS state,
           (SELECT count(*) FROM export) - (SELECT count(*) FROM delivery
                                            WHERE state <> 'PENDING') AS count
    UNION ALL
    SELECT 1, state, count(*) FROM delivery WHERE state <> 'PENDING' GROUP BY state) states
ORDER BY place, state
