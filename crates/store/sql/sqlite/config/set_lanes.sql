-- config/set_lanes: from now on matching is divided into so many lanes.
INSERT INTO config_item (key, value, updated_at)
VALUES ('txmatch:matching-lanes', CAST(?1 AS TEXT), 0)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
