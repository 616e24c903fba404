-- audit_log/insert: something a person did, chained to what was done before.
INSERT INTO audit_log (id, at, operator, action, detail, hash)
VALUES ($1, $2, $3, $4, $5::text::json, $6)
