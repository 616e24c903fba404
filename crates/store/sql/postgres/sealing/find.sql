-- sealing/find: by what the key that seals is known again.
SELECT proof FROM sealing WHERE id = 1
