-- Retention: what may be purged, and how nothing that was purged comes in twice; the terms within
-- which merchant identifiers are in force.

-- The first day that is kept: what is of an earlier one may be gone.
CREATE TABLE retention (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    kept_from  INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- The last number that a table gave out, where its row may be gone: a number is never given again.
CREATE TABLE last_number (
    name   TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;

-- Of the records that a file brought, what is purged.
ALTER TABLE import_file_log ADD COLUMN purged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import_file_log ADD COLUMN purged_amount_minor INTEGER NOT NULL DEFAULT 0;

-- By what a record that waits for its MID will be known.
ALTER TABLE rejected_record ADD COLUMN day INTEGER;
ALTER TABLE rejected_record ADD COLUMN transaction_id TEXT;
CREATE INDEX rejected_record_waiting ON rejected_record (feed_id, day, transaction_id)
    WHERE state = 'QUARANTINED';

-- What purging asks. Attempts are written in their order.
CREATE INDEX delivery_attempt ON delivery (export_attempt_id);

INSERT INTO revision (name, number) VALUES ('config_item', 0);

-- Whose an identifier was when.
CREATE INDEX merchant_identifier_terms
    ON merchant_identifier (payment_provider_slug, identifier_type, identifier);

-- An identifier was in force for payments of any date. One that only moved to another place of its
-- scheme gave its whole term to the row that replaced it; the first of each has been in force since
-- ever.
UPDATE merchant_identifier AS old SET valid_to = valid_from
WHERE valid_to IS NOT NULL AND EXISTS (
    SELECT 1 FROM merchant_identifier new
    WHERE new.payment_provider_slug = old.payment_provider_slug
      AND new.identifier_type = old.identifier_type AND new.identifier = old.identifier
      AND new.loyalty_scheme_id = old.loyalty_scheme_id
      AND new.id > old.id AND new.valid_from = old.valid_to);
UPDATE merchant_identifier AS first SET valid_from = -62135596800000000
WHERE (valid_to IS NULL OR valid_to > valid_from) AND NOT EXISTS (
    SELECT 1 FROM merchant_identifier other
    WHERE other.payment_provider_slug = first.payment_provider_slug
      AND other.identifier_type = first.identifier_type AND other.identifier = first.identifier
      AND other.id < first.id AND other.valid_to > other.valid_from);
