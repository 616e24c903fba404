-- The ledger of deliveries over HTTP: when each export is due again, when it was first sent, and the
-- request that is frozen from then on. What was there before is as lawful as it was.

-- When it is sent again by itself. Few are at any time, and only those are in the index.
ALTER TABLE delivery ADD COLUMN due_at INTEGER
    CHECK (due_at IS NULL OR state IN ('RETRYING', 'UNCERTAIN'));
-- When its first request may have left: from then on the merchant's window for repeating it counts.
ALTER TABLE delivery ADD COLUMN first_sent_at INTEGER
    CHECK (first_sent_at IS NOT NULL OR state NOT IN ('IN_FLIGHT', 'UNCERTAIN'));
CREATE INDEX delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
-- What is neither delivered nor over, for people: so few that history is not read for them.
CREATE INDEX delivery_unsettled ON delivery (state, export_id)
    WHERE state NOT IN ('PENDING', 'DELIVERED', 'SKIPPED', 'CANCELLED');

-- The request of each export that was sent and is not settled, sealed. It goes when the export is.
CREATE TABLE export_request (
    export_id  INTEGER PRIMARY KEY,
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
