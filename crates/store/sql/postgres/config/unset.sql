-- config/unset: a configuration key is at its default again.
DELETE FROM config_item WHERE key = $1
