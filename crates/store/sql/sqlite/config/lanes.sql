-- config/lanes: into how many lanes matching is divided, if that was ever agreed on.
SELECT CAST(value AS INTEGER) FROM config_item WHERE key = 'txmatch:matching-lanes'
