-- config/list: every configuration key that is set.
SELECT key, value FROM config_item ORDER BY key COLLATE "C"
