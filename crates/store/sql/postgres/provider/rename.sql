-- provider/rename: a provider has this name.
UPDATE payment_provider SET name = $2 WHERE slug = $1 AND name <> $2
