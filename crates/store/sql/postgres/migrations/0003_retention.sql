-- Retention: what may be purged, and how nothing that was purged comes in twice; the terms within
-- which merchant identifiers are in force.

-- The first day that is kept: what is of an earlier one may be gone.
CREATE TABLE retention (
    id         bigint PRIMARY KEY CHECK (id = 1),
    kept_from  date NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Of the records that a file brought, what is purged.
ALTER TABLE import_file_log ADD COLUMN purged bigint NOT NULL DEFAULT 0;
ALTER TABLE import_file_log ADD COLUMN purged_amount_minor bigint NOT NULL DEFAULT 0;

-- By what a record that waits for its MID will be known.
ALTER TABLE rejected_record ADD COLUMN day date;
ALTER TABLE rejected_record ADD COLUMN transaction_id text COLLATE "C";
CREATE INDEX rejected_record_waiting ON rejected_record (feed_id, day, transaction_id)
    WHERE state = 'QUARANTINED';

-- What purging asks. Attempts are written in their order.
CREATE INDEX delivery_attempt ON delivery (export_attempt_id);

INSERT INTO revision (name, number) VALUES ('config_item', 0);

-- Whose an identifier was when.
CREATE INDEX merchant_identifier_terms
    ON merchant_identifier (payment_provider_slug, identifier_type, identifier);
