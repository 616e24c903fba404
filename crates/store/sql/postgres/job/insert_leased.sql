-- job/insert_leased: work that its maker does itself.
INSERT INTO job
    (queue, work, ready_at, tries, lease_token, lease_holder, leased_until, created_at)
VALUES ('import', $1::text::jsonb, $2, 1, 1, $3, $4, $2)
RETURNING id
