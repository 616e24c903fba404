-- config/lanes: into how many lanes matching is divided, if that was ever agreed on.
SELECT value::integer FROM config_item WHERE key = 'txmatch:matching-lanes'
