-- Provider, MID and amount equal, within 90 seconds, and unique on both sides, in three passes: the
-- authorisation codes are equal and the cards do not differ; the cards are equal; nothing differs.
CREATE TEMP TABLE m AS
WITH c AS MATERIALIZED (
    SELECT * FROM (
        SELECT p.id AS pid, s.id AS sid,
               coalesce(p.a = s.a, false) AND NOT coalesce(p.c <> s.c, false) AS f1,
               coalesce(p.c = s.c, false) AS f2,
               NOT coalesce(p.a <> s.a, false) AND NOT coalesce(p.c <> s.c, false) AS f3
        FROM (
            SELECT id, provider, mid, amount, transaction_date AS ts, auth_code AS a,
                   first_six || last_four AS c
            FROM txn WHERE feed_type = 1 AND status = 0) p
        CROSS JOIN LATERAL (
            SELECT id, transaction_date AS ts, auth_code AS a, first_six || last_four AS c
            FROM txn t
            WHERE feed_type = 0 AND status = 0 AND t.provider = p.provider AND t.mid = p.mid
              AND t.amount = p.amount
              AND t.transaction_date BETWEEN p.ts - interval '90 s' AND p.ts + interval '90 s'
            OFFSET 0) s
        WHERE s.ts BETWEEN p.ts - interval '90 s' AND p.ts + interval '90 s') x
    WHERE f1 OR f2 OR f3),
l1 AS MATERIALIZED (
    SELECT *, f1 AND count(*) FILTER (WHERE f1) OVER (PARTITION BY pid) = 1
              AND count(*) FILTER (WHERE f1) OVER (PARTITION BY sid) = 1 AS m
    FROM c),
r1 AS (
    SELECT pid, sid, f2, f3 FROM (
        SELECT *, bool_or(m) OVER (PARTITION BY pid) AS pm, bool_or(m) OVER (PARTITION BY sid) AS sm
        FROM l1) x
    WHERE NOT pm AND NOT sm),
l2 AS MATERIALIZED (
    SELECT *, f2 AND count(*) FILTER (WHERE f2) OVER (PARTITION BY pid) = 1
              AND count(*) FILTER (WHERE f2) OVER (PARTITION BY sid) = 1 AS m
    FROM r1),
r2 AS (
    SELECT pid, sid, f3 FROM (
        SELECT *, bool_or(m) OVER (PARTITION BY pid) AS pm, bool_or(m) OVER (PARTITION BY sid) AS sm
        FROM l2) x
    WHERE NOT pm AND NOT sm),
l3 AS (
    SELECT pid, sid, f3 AND count(*) FILTER (WHERE f3) OVER (PARTITION BY pid) = 1
                     AND count(*) FILTER (WHERE f3) OVER (PARTITION BY sid) = 1 AS m
    FROM r2)
SELECT pid, sid, 1::smallint AS rule FROM l1 WHERE m
UNION ALL SELECT pid, sid, 2 FROM l2 WHERE m
UNION ALL SELECT pid, sid, 3 FROM l3 WHERE m
