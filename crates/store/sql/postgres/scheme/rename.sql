-- scheme/rename: a scheme has this name.
UPDATE loyalty_scheme SET name = $2 WHERE slug = $1 AND name <> $2
