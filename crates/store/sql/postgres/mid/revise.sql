-- mid/revise: what readers remember no longer holds.
UPDATE revision SET number = number + 1 WHERE name = $1
