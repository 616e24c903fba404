-- sealing/insert: the key of a new database, unless another process was first.
INSERT INTO sealing (id, proof) VALUES (1, $1) ON CONFLICT (id) DO NOTHING
