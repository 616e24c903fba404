-- config/set_lanes: from now on matching is divided into so many lanes.
INSERT INTO config_item (key, value, updated_at)
VALUES ('txmatch:matching-lanes', $1::integer::text, to_timestamp(0))
ON CONFLICT (key) DO UPDATE SET value = excluded.value
