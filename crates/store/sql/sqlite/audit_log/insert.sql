-- audit_log/insert: something a person did, chained to what was done before.
INSERT INTO audit_log (at, operator, action, detail, hash) VALUES (?1, ?2, ?3, ?4, ?5)
