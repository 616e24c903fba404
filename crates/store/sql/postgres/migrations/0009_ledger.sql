-- The ledger of deliveries over HTTP: when each export is due again, when it was first sent, and the
-- request that is frozen from then on. What was there before is as lawful as it was.

-- When it is sent again by itself. Few are at any time, and only those are in the index.
ALTER TABLE delivery ADD COLUMN due_at timestamptz;
-- When its first request may have left: from then on the merchant's window for repeating it counts.
ALTER TABLE delivery ADD COLUMN first_sent_at timestamptz;
-- Checked for what is written from now on; what is there has neither, and is not read for it.
ALTER TABLE delivery ADD CONSTRAINT delivery_due_check
    CHECK (due_at IS NULL OR state IN ('RETRYING', 'UNCERTAIN')) NOT VALID;
ALTER TABLE delivery ADD CONSTRAINT delivery_first_sent_check
    CHECK (first_sent_at IS NOT NULL OR state NOT IN ('IN_FLIGHT', 'UNCERTAIN')) NOT VALID;
CREATE INDEX delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
-- What is neither delivered nor over, for people: so few that history is not read for them.
CREATE INDEX delivery_unsettled ON delivery (state, export_id)
    WHERE state NOT IN ('PENDING', 'DELIVERED', 'SKIPPED', 'CANCELLED');

-- The request of each export that was sent and is not settled, sealed. It goes when the export is.
CREATE TABLE export_request (
    export_id  bigint PRIMARY KEY,
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL
);
