-- The journey's tables: import, identify, match, export, deliver, and what carries them.
--
-- Facts are inserted and never changed: whether a payment or a sale is open follows from the absence
-- of a row in `pairing`. What moves: a job's lease, an open payment's reason, a delivery's state, a
-- file's progress, and `voided_at` of a pairing that is undone.
--
-- Times are microseconds since 1970 in UTC, `day` is days since 1970, amounts are minor units.

CREATE TABLE payment_provider (
    id   INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE loyalty_scheme (
    id   INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
) STRICT;

-- What records are unique within: one provider's or scheme's records of one type, whichever of its
-- feeds brought them.
CREATE TABLE feed (
    id            INTEGER PRIMARY KEY,
    provider_slug TEXT NOT NULL,
    feed_type     TEXT NOT NULL CHECK (feed_type IN ('MERCHANT', 'AUTH', 'SETTLED', 'REFUND')),
    UNIQUE (provider_slug, feed_type)
) STRICT;

-- An identifier is in force from `valid_from` until `valid_to`; one that ended stays for the payments
-- that named it.
CREATE TABLE merchant_identifier (
    id                    INTEGER PRIMARY KEY,
    payment_provider_slug TEXT NOT NULL REFERENCES payment_provider (slug),
    identifier            TEXT NOT NULL,
    identifier_type       TEXT NOT NULL CHECK (identifier_type IN ('PRIMARY', 'SECONDARY', 'PSIMI')),
    loyalty_scheme_id     INTEGER NOT NULL REFERENCES loyalty_scheme (id),
    location_id           TEXT,
    merchant_internal_id  TEXT,
    location              TEXT,
    postcode              TEXT,
    valid_from            INTEGER NOT NULL,
    valid_to              INTEGER CHECK (valid_to >= valid_from)
) STRICT;
CREATE UNIQUE INDEX merchant_identifier_in_force
    ON merchant_identifier (payment_provider_slug, identifier_type, identifier)
    WHERE valid_to IS NULL;

-- One distinct list of MIDs that sales of a scheme carry: sorted, as JSON. `has_days` says whether any
-- of its sales is known only to the day.
CREATE TABLE mid_set (
    id                INTEGER PRIMARY KEY,
    loyalty_scheme_id INTEGER NOT NULL REFERENCES loyalty_scheme (id),
    mids              TEXT NOT NULL CHECK (json_valid(mids)),
    has_days          INTEGER NOT NULL DEFAULT 0 CHECK (has_days IN (0, 1)),
    UNIQUE (loyalty_scheme_id, mids)
) STRICT;

-- Counts up whenever `mid_set` or `merchant_identifier` changes, so that a reader knows in one look
-- whether what it remembers still holds.
CREATE TABLE revision (
    name   TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;
INSERT INTO revision (name, number) VALUES
    ('mid_set', 0), ('merchant_identifier', 0), ('card_link', 0);

CREATE TABLE import_file_log (
    id            INTEGER PRIMARY KEY,
    feed_id       INTEGER NOT NULL REFERENCES feed (id),
    feed_name     TEXT NOT NULL,
    canonical     INTEGER NOT NULL CHECK (canonical IN (0, 1)),
    source        TEXT NOT NULL,
    size_bytes    INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256        TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('IMPORTING', 'IMPORTED', 'REFUSED')),
    refusal       TEXT,
    records_read  INTEGER NOT NULL DEFAULT 0,
    new           INTEGER NOT NULL DEFAULT 0,
    duplicate     INTEGER NOT NULL DEFAULT 0,
    skipped       INTEGER NOT NULL DEFAULT 0,
    rejected      INTEGER NOT NULL DEFAULT 0,
    quarantined   INTEGER NOT NULL DEFAULT 0,
    amount_minor  INTEGER NOT NULL DEFAULT 0,
    first_date    INTEGER,
    last_date     INTEGER,
    created_at    INTEGER NOT NULL,
    finished_at   INTEGER,
    CHECK ((state = 'REFUSED') = (refusal IS NOT NULL)),
    CHECK (state <> 'IMPORTED'
        OR records_read = new + duplicate + skipped + rejected + quarantined)
) STRICT;
-- What a feed brought lately.
CREATE INDEX import_file_log_feed ON import_file_log (feed_name, created_at)
    WHERE state = 'IMPORTED';
CREATE INDEX import_file_log_unfinished ON import_file_log (sha256) WHERE state = 'IMPORTING';

-- The raw record. The payment or sale read from it has the same id.
CREATE TABLE import_transaction (
    id         INTEGER PRIMARY KEY,
    file_id    INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    identified INTEGER NOT NULL CHECK (identified IN (0, 1)),
    data       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE rejected_record (
    id                    INTEGER PRIMARY KEY,
    feed_id               INTEGER NOT NULL,
    file_id               INTEGER NOT NULL,
    number                INTEGER NOT NULL,
    occurrence            INTEGER NOT NULL CHECK (occurrence >= 0),
    state                 TEXT NOT NULL CHECK (state IN ('REJECTED', 'QUARANTINED', 'REPLAYED')),
    reason                TEXT NOT NULL,
    field                 TEXT,
    detail                TEXT NOT NULL,
    data                  TEXT NOT NULL,
    import_transaction_id INTEGER,
    fingerprint           BLOB NOT NULL CHECK (length(fingerprint) = 32),
    created_at            INTEGER NOT NULL,
    replayed_at           INTEGER,
    CHECK (state <> 'QUARANTINED' OR import_transaction_id IS NOT NULL),
    CHECK ((state = 'REPLAYED') = (replayed_at IS NOT NULL)),
    UNIQUE (feed_id, fingerprint)
) STRICT;
-- What goes on when MIDs are onboarded, without a look at all that was ever rejected.
CREATE INDEX rejected_record_quarantined ON rejected_record (id) WHERE state = 'QUARANTINED';

CREATE TABLE payment (
    id                     INTEGER PRIMARY KEY,
    feed_id                INTEGER NOT NULL,
    scheme_id              INTEGER NOT NULL,
    merchant_identifier_id INTEGER NOT NULL,
    day                    INTEGER NOT NULL CHECK (date >= day * 86400000000
                                               AND date < (day + 1) * 86400000000),
    transaction_id         TEXT NOT NULL CHECK (transaction_id <> ''),
    mid                    TEXT NOT NULL,
    date                   INTEGER NOT NULL,
    precision              INTEGER NOT NULL CHECK (precision BETWEEN 0 AND 3),
    amount                 INTEGER NOT NULL,
    multiplier             INTEGER NOT NULL CHECK (multiplier > 0),
    currency               TEXT NOT NULL CHECK (length(currency) = 3),
    card_token             TEXT NOT NULL,
    first_six              TEXT CHECK (length(first_six) = 6),
    last_four              TEXT CHECK (length(last_four) = 4),
    auth_code              TEXT,
    approval_code          TEXT,
    settlement_key         TEXT,
    extra_fields           TEXT,
    match_group            INTEGER NOT NULL,
    created_at             INTEGER NOT NULL
) STRICT;
-- Begins with the day, so that what is imported today is written in one place, whatever its ids.
CREATE UNIQUE INDEX payment_key ON payment (day, feed_id, transaction_id);
CREATE INDEX payment_settlement ON payment (settlement_key) WHERE settlement_key IS NOT NULL;

CREATE TABLE sale (
    id                    INTEGER PRIMARY KEY,
    feed_id               INTEGER NOT NULL,
    scheme_id             INTEGER NOT NULL,
    mid_set_id            INTEGER NOT NULL,
    day                   INTEGER NOT NULL CHECK (date >= day * 86400000000
                                              AND date < (day + 1) * 86400000000),
    transaction_id        TEXT NOT NULL CHECK (transaction_id <> ''),
    payment_provider_slug TEXT,
    date                  INTEGER NOT NULL,
    precision             INTEGER NOT NULL CHECK (precision BETWEEN 0 AND 3),
    amount                INTEGER NOT NULL,
    multiplier            INTEGER NOT NULL CHECK (multiplier > 0),
    currency              TEXT NOT NULL CHECK (length(currency) = 3),
    first_six             TEXT CHECK (length(first_six) = 6),
    last_four             TEXT CHECK (length(last_four) = 4),
    auth_code             TEXT,
    extra_fields          TEXT,
    match_group           INTEGER NOT NULL,
    created_at            INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX sale_key ON sale (day, feed_id, transaction_id);
-- How a payment finds its candidates: by range of time, never by MID and amount alone.
CREATE INDEX sale_candidate ON sale (day, mid_set_id, amount, date);

CREATE TABLE card_link (
    id                      INTEGER PRIMARY KEY,
    card_token              TEXT NOT NULL,
    scheme_id               INTEGER NOT NULL REFERENCES loyalty_scheme (id),
    loyalty_id              TEXT,
    user_id                 INTEGER,
    scheme_account_id       INTEGER,
    payment_card_account_id INTEGER,
    first_six               TEXT CHECK (length(first_six) = 6),
    last_four               TEXT CHECK (length(last_four) = 4),
    expiry_month            INTEGER CHECK (expiry_month BETWEEN 1 AND 12),
    expiry_year             INTEGER,
    credentials             BLOB,
    created_at              INTEGER NOT NULL,
    UNIQUE (card_token, scheme_id)
) STRICT;

CREATE TABLE user_identity (
    id                      INTEGER PRIMARY KEY,
    payment_transaction_id  INTEGER NOT NULL UNIQUE,
    loyalty_id              TEXT,
    user_id                 INTEGER,
    scheme_account_id       INTEGER,
    payment_card_account_id INTEGER,
    first_six               TEXT CHECK (length(first_six) = 6),
    last_four               TEXT CHECK (length(last_four) = 4),
    expiry_month            INTEGER CHECK (expiry_month BETWEEN 1 AND 12),
    expiry_year             INTEGER,
    credentials             BLOB,
    created_at              INTEGER NOT NULL
) STRICT;

-- One purchase. Each side can be in one pairing that is not voided, and in no second.
CREATE TABLE pairing (
    id                     INTEGER PRIMARY KEY,
    payment_transaction_id INTEGER NOT NULL,
    scheme_transaction_id  INTEGER,
    scheme_id              INTEGER NOT NULL,
    matching_type          TEXT NOT NULL
        CHECK (matching_type IN ('LOYALTY', 'SPOTTED', 'FORCED', 'NON_LOYALTY', 'MIXED')),
    evidence               TEXT NOT NULL,
    match_group            INTEGER NOT NULL,
    operator               TEXT,
    reason                 TEXT,
    voided_at              INTEGER,
    voided_by              TEXT,
    created_at             INTEGER NOT NULL,
    CHECK ((matching_type = 'SPOTTED') = (scheme_transaction_id IS NULL)),
    CHECK (matching_type <> 'FORCED' OR (operator IS NOT NULL AND reason IS NOT NULL)),
    CHECK ((voided_at IS NULL) = (voided_by IS NULL))
) STRICT;
CREATE UNIQUE INDEX pairing_payment ON pairing (payment_transaction_id) WHERE voided_at IS NULL;
CREATE UNIQUE INDEX pairing_sale ON pairing (scheme_transaction_id)
    WHERE voided_at IS NULL AND scheme_transaction_id IS NOT NULL;

-- Payments that had their turn and are still open, and why: small beside all that was matched.
CREATE TABLE open_payment (
    payment_transaction_id INTEGER PRIMARY KEY,
    reason                 TEXT NOT NULL,
    scheme_id              INTEGER NOT NULL,
    mid                    TEXT NOT NULL,
    amount                 INTEGER NOT NULL,
    date                   INTEGER NOT NULL,
    decided_at             INTEGER NOT NULL
) STRICT;
CREATE INDEX open_payment_reopened ON open_payment (scheme_id, mid, amount, date);

CREATE TABLE export (
    id                     INTEGER PRIMARY KEY,
    scheme_id              INTEGER NOT NULL,
    pairing_id             INTEGER UNIQUE,
    payment_transaction_id INTEGER NOT NULL,
    export_uid             BLOB NOT NULL CHECK (length(export_uid) = 16),
    created_at             INTEGER NOT NULL
) STRICT;

-- One request, or one stretch of a file: what was sent and what came of it.
CREATE TABLE export_attempt (
    id          INTEGER PRIMARY KEY,
    scheme_id   INTEGER NOT NULL,
    destination TEXT NOT NULL,
    body        TEXT NOT NULL,
    response    TEXT,
    error       TEXT,
    duration_us INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

-- Where an export stands; one without a row is pending.
CREATE TABLE delivery (
    export_id         INTEGER PRIMARY KEY,
    state             TEXT NOT NULL
        CHECK (state IN ('PENDING', 'DELIVERED', 'RETRYING', 'HELD', 'FAILED')),
    reason            TEXT,
    tries             INTEGER NOT NULL,
    export_attempt_id INTEGER,
    updated_at        INTEGER NOT NULL,
    CHECK (state IN ('PENDING', 'DELIVERED') OR reason IS NOT NULL)
) STRICT;

-- How far each export file is written, durably: what stands beyond it was never delivered.
CREATE TABLE export_file (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    length     INTEGER NOT NULL CHECK (length >= 0),
    updated_at INTEGER NOT NULL
) STRICT;

-- Work to do. A lease is held by token: whoever commits with an old one is refused. An id is never
-- given to a second job, or an old lease of the first would open the second.
CREATE TABLE job (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    queue        TEXT NOT NULL CHECK (queue IN ('import', 'identify', 'matching', 'export')),
    lane         INTEGER,
    work         TEXT NOT NULL CHECK (json_valid(work)),
    ready_at     INTEGER NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0,
    lease_token  INTEGER NOT NULL DEFAULT 0,
    lease_holder TEXT,
    leased_until INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL
) STRICT;

-- By what the key that seals credentials is known again.
CREATE TABLE sealing (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    proof BLOB NOT NULL
) STRICT;

-- Each entry holds the hash of the one before it.
CREATE TABLE audit_log (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    operator TEXT NOT NULL,
    action   TEXT NOT NULL,
    detail   TEXT NOT NULL CHECK (json_valid(detail)),
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE config_item (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY,
    topic      TEXT NOT NULL,
    message    TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE VIEW payment_transaction AS
SELECT p.id, p.transaction_id, p.mid,
       f.provider_slug, f.provider_slug AS payment_provider_slug, f.feed_type,
       s.slug AS scheme_slug,
       p.date AS transaction_date, p.precision <> 3 AS has_time, p.precision AS date_precision,
       p.amount AS spend_amount, p.multiplier AS spend_multiplier, p.currency AS spend_currency,
       p.card_token, p.first_six, p.last_four, p.auth_code, p.approval_code,
       coalesce(p.settlement_key, p.transaction_id) AS settlement_key,
       CASE WHEN m.id IS NULL THEN 'PENDING' ELSE 'MATCHED' END AS status,
       o.reason AS pending_reason,
       m.matching_type, p.match_group, p.extra_fields, p.merchant_identifier_id, p.created_at
FROM payment p
JOIN feed f ON f.id = p.feed_id
JOIN loyalty_scheme s ON s.id = p.scheme_id
LEFT JOIN pairing m ON m.payment_transaction_id = p.id AND m.voided_at IS NULL
LEFT JOIN open_payment o ON o.payment_transaction_id = p.id;

CREATE VIEW scheme_transaction AS
SELECT t.id, t.transaction_id, ms.mids,
       f.provider_slug, t.payment_provider_slug, f.feed_type,
       t.date AS transaction_date, t.precision <> 3 AS has_time, t.precision AS date_precision,
       t.amount AS spend_amount, t.multiplier AS spend_multiplier, t.currency AS spend_currency,
       t.first_six, t.last_four, t.auth_code,
       CASE WHEN m.id IS NULL THEN 'PENDING' ELSE 'MATCHED' END AS status,
       m.matching_type, t.match_group, t.extra_fields, t.created_at
FROM sale t
JOIN feed f ON f.id = t.feed_id
JOIN mid_set ms ON ms.id = t.mid_set_id
LEFT JOIN pairing m ON m.scheme_transaction_id = t.id AND m.voided_at IS NULL;

-- A match takes its id, date and amount from the sale, its MID and card token from the payment.
CREATE VIEW matched_transaction AS
SELECT m.id, m.payment_transaction_id, m.scheme_transaction_id,
       coalesce(t.transaction_id, p.transaction_id) AS transaction_id,
       p.mid, s.slug AS provider_slug, f.provider_slug AS payment_provider_slug, f.feed_type,
       coalesce(t.date, p.date) AS transaction_date,
       coalesce(t.precision, p.precision) <> 3 AS has_time,
       coalesce(t.amount, p.amount) AS spend_amount,
       coalesce(t.multiplier, p.multiplier) AS spend_multiplier,
       coalesce(t.currency, p.currency) AS spend_currency,
       p.card_token, p.first_six, p.last_four, p.auth_code, p.approval_code,
       coalesce(p.settlement_key, p.transaction_id) AS settlement_key,
       CASE WHEN m.voided_at IS NULL THEN 'MATCHED' ELSE 'VOIDED' END AS status,
       m.matching_type, m.match_group, m.evidence,
       json_patch(coalesce(p.extra_fields, '{}'), coalesce(t.extra_fields, '{}')) AS extra_fields,
       m.operator, m.reason, m.voided_at, m.created_at
FROM pairing m
JOIN payment p ON p.id = m.payment_transaction_id
JOIN feed f ON f.id = p.feed_id
JOIN loyalty_scheme s ON s.id = m.scheme_id
LEFT JOIN sale t ON t.id = m.scheme_transaction_id;

CREATE VIEW export_transaction AS
SELECT e.id, e.pairing_id AS matched_transaction_id, e.payment_transaction_id,
       coalesce(t.transaction_id, p.transaction_id) AS transaction_id,
       f.feed_type, s.slug AS provider_slug,
       coalesce(t.date, p.date) AS transaction_date,
       coalesce(t.amount, p.amount) AS spend_amount,
       coalesce(t.currency, p.currency) AS spend_currency,
       u.loyalty_id, p.mid, i.identifier AS primary_identifier, i.location_id,
       i.merchant_internal_id, u.user_id, u.scheme_account_id, u.payment_card_account_id,
       u.credentials, coalesce(p.settlement_key, p.transaction_id) AS settlement_key,
       u.last_four, u.expiry_month, u.expiry_year,
       f.provider_slug AS payment_provider_slug, p.auth_code, p.approval_code,
       json_patch(coalesce(p.extra_fields, '{}'), coalesce(t.extra_fields, '{}')) AS extra_fields,
       lower(substr(hex(e.export_uid), 1, 8) || '-' || substr(hex(e.export_uid), 9, 4) || '-'
          || substr(hex(e.export_uid), 13, 4) || '-' || substr(hex(e.export_uid), 17, 4) || '-'
          || substr(hex(e.export_uid), 21)) AS export_uid,
       coalesce(d.state, 'PENDING') AS status, d.reason AS status_reason,
       coalesce(d.tries, 0) AS tries, d.export_attempt_id, e.scheme_id, e.created_at
FROM export e
JOIN payment p ON p.id = e.payment_transaction_id
JOIN feed f ON f.id = p.feed_id
JOIN loyalty_scheme s ON s.id = e.scheme_id
JOIN merchant_identifier i ON i.id = p.merchant_identifier_id
LEFT JOIN user_identity u ON u.payment_transaction_id = p.id
LEFT JOIN pairing m ON m.id = e.pairing_id
LEFT JOIN sale t ON t.id = m.scheme_transaction_id
LEFT JOIN delivery d ON d.export_id = e.id;
