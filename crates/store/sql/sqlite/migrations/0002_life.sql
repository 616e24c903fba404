-- The life of a payment: AUTH and SETTLED of one purchase, matches that people make and undo, several
-- payments for one sale and the reverse.

DROP VIEW export_transaction;
DROP VIEW matched_transaction;
DROP VIEW scheme_transaction;
DROP VIEW payment_transaction;

-- What became of a payment: one purchase with a sale, or alone, or with the payment that counts
-- instead. Each side is in one row that is not voided, and in no second, unless it is paid in parts:
-- then the parts are numbered from 0, and whoever wants the whole of it wants part 0 as well.
CREATE TABLE pairing_of_life (
    id                           INTEGER PRIMARY KEY,
    payment_transaction_id       INTEGER NOT NULL,
    scheme_transaction_id        INTEGER,
    other_payment_transaction_id INTEGER,
    scheme_id                    INTEGER NOT NULL,
    matching_type                TEXT NOT NULL
        CHECK (matching_type IN ('LOYALTY', 'SPOTTED', 'FORCED', 'NON_LOYALTY', 'MIXED',
                                 'SUPERSEDED', 'SETTLEMENT', 'DUPLICATE', 'STREAMED', 'UNMATCHED')),
    evidence                     TEXT NOT NULL,
    difference                   INTEGER,
    payment_part                 INTEGER NOT NULL DEFAULT 0 CHECK (payment_part >= 0),
    sale_part                    INTEGER NOT NULL DEFAULT 0 CHECK (sale_part >= 0),
    match_group                  INTEGER NOT NULL,
    operator                     TEXT,
    reason                       TEXT,
    voided_at                    INTEGER,
    voided_by                    TEXT,
    void_reason                  TEXT,
    created_at                   INTEGER NOT NULL,
    CHECK ((matching_type IN ('LOYALTY', 'FORCED', 'NON_LOYALTY', 'MIXED'))
           = (scheme_transaction_id IS NOT NULL)),
    CHECK ((matching_type IN ('SUPERSEDED', 'SETTLEMENT', 'DUPLICATE'))
           = (other_payment_transaction_id IS NOT NULL)),
    CHECK (matching_type <> 'FORCED' OR (operator IS NOT NULL AND reason IS NOT NULL)),
    CHECK ((voided_at IS NULL) = (voided_by IS NULL))
) STRICT;
INSERT INTO pairing_of_life
    (id, payment_transaction_id, scheme_transaction_id, scheme_id, matching_type, evidence,
     match_group, operator, reason, voided_at, voided_by, created_at)
SELECT id, payment_transaction_id, scheme_transaction_id, scheme_id, matching_type, evidence,
       match_group, operator, reason, voided_at, voided_by, created_at
FROM pairing;
DROP TABLE pairing;
ALTER TABLE pairing_of_life RENAME TO pairing;
CREATE UNIQUE INDEX pairing_payment ON pairing (payment_transaction_id, payment_part)
    WHERE voided_at IS NULL;
CREATE UNIQUE INDEX pairing_sale ON pairing (scheme_transaction_id, sale_part)
    WHERE voided_at IS NULL AND scheme_transaction_id IS NOT NULL;
CREATE INDEX pairing_other ON pairing (other_payment_transaction_id)
    WHERE other_payment_transaction_id IS NOT NULL;
-- What people undid: no rule makes these pairs again.
CREATE INDEX pairing_voided ON pairing (payment_transaction_id) WHERE voided_at IS NOT NULL;
CREATE INDEX pairing_voided_sale ON pairing (scheme_transaction_id) WHERE voided_at IS NOT NULL;

-- Which sale an open payment contests, and the newest row that was known when it was decided.
ALTER TABLE open_payment ADD COLUMN scheme_transaction_id INTEGER;
ALTER TABLE open_payment ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
-- What people should look at, oldest first, however many payments only wait.
CREATE INDEX open_payment_review ON open_payment (payment_transaction_id)
    WHERE reason IN ('AMBIGUOUS', 'CONTESTED', 'UNDONE');

CREATE TABLE delivery_of_life (
    export_id         INTEGER PRIMARY KEY,
    state             TEXT NOT NULL
        CHECK (state IN ('PENDING', 'IN_FLIGHT', 'DELIVERED', 'RETRYING', 'UNCERTAIN', 'HELD',
                         'FAILED', 'SKIPPED', 'CANCELLED')),
    reason            TEXT,
    tries             INTEGER NOT NULL,
    export_attempt_id INTEGER,
    updated_at        INTEGER NOT NULL,
    CHECK (state IN ('PENDING', 'IN_FLIGHT', 'DELIVERED') OR reason IS NOT NULL)
) STRICT;
INSERT INTO delivery_of_life SELECT * FROM delivery;
DROP TABLE delivery;
ALTER TABLE delivery_of_life RENAME TO delivery;

-- Ids are never given out twice, so the sequence moves along with the rows.
CREATE TABLE job_of_life (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    queue        TEXT NOT NULL CHECK (queue IN ('import', 'identify', 'matching', 'matching_slow',
                                                'streaming', 'export')),
    lane         INTEGER,
    work         TEXT NOT NULL CHECK (json_valid(work)),
    ready_at     INTEGER NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0,
    lease_token  INTEGER NOT NULL DEFAULT 0,
    lease_holder TEXT,
    leased_until INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL
) STRICT;
INSERT INTO job_of_life SELECT * FROM job;
DELETE FROM sqlite_sequence WHERE name = 'job_of_life';
INSERT INTO sqlite_sequence (name, seq) SELECT 'job_of_life', seq FROM sqlite_sequence
    WHERE name = 'job';
DROP TABLE job;
ALTER TABLE job_of_life RENAME TO job;

-- What one person asked for and another has to confirm.
CREATE TABLE redress_proposal (
    id                     INTEGER PRIMARY KEY,
    action                 TEXT NOT NULL CHECK (action IN ('match.force', 'match.undo')),
    payment_transaction_id INTEGER NOT NULL,
    scheme_transaction_id  INTEGER,
    operator               TEXT NOT NULL,
    reason                 TEXT NOT NULL,
    created_at             INTEGER NOT NULL,
    closed_at              INTEGER
) STRICT;
CREATE UNIQUE INDEX redress_proposal_open
    ON redress_proposal (action, payment_transaction_id, coalesce(scheme_transaction_id, 0))
    WHERE closed_at IS NULL;

CREATE VIEW payment_transaction AS
SELECT p.id, p.transaction_id, p.mid,
       f.provider_slug, f.provider_slug AS payment_provider_slug, f.feed_type,
       s.slug AS scheme_slug,
       p.date AS transaction_date, p.precision <> 3 AS has_time, p.precision AS date_precision,
       p.amount AS spend_amount, p.multiplier AS spend_multiplier, p.currency AS spend_currency,
       p.card_token, p.first_six, p.last_four, p.auth_code, p.approval_code,
       coalesce(p.settlement_key, p.transaction_id) AS settlement_key,
       CASE WHEN m.id IS NULL THEN 'PENDING'
            WHEN m.matching_type IN ('SUPERSEDED', 'SETTLEMENT', 'DUPLICATE', 'STREAMED',
                                     'UNMATCHED') THEN m.matching_type
            ELSE 'MATCHED' END AS status,
       o.reason AS pending_reason,
       o.scheme_transaction_id AS contested_scheme_transaction_id,
       CASE WHEN m.matching_type IN ('LOYALTY', 'SPOTTED', 'FORCED', 'NON_LOYALTY', 'MIXED')
            THEN m.matching_type END AS matching_type,
       p.match_group, p.extra_fields, p.merchant_identifier_id, p.created_at
FROM payment p
JOIN feed f ON f.id = p.feed_id
JOIN loyalty_scheme s ON s.id = p.scheme_id
LEFT JOIN pairing m ON m.payment_transaction_id = p.id AND m.voided_at IS NULL
                   AND m.payment_part = 0
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
LEFT JOIN pairing m ON m.scheme_transaction_id = t.id AND m.voided_at IS NULL AND m.sale_part = 0;

-- A match takes its id, date and amount from the sale, its MID and card token from the payment; what
-- a settlement lacks it takes from the authorisation before it.
CREATE VIEW matched_transaction AS
SELECT m.id, m.payment_transaction_id, m.scheme_transaction_id,
       coalesce(t.transaction_id, p.transaction_id) AS transaction_id,
       p.mid, s.slug AS provider_slug, f.provider_slug AS payment_provider_slug, f.feed_type,
       coalesce(t.date, p.date) AS transaction_date,
       coalesce(t.precision, p.precision) <> 3 AS has_time,
       coalesce(t.amount, p.amount) AS spend_amount,
       coalesce(t.multiplier, p.multiplier) AS spend_multiplier,
       coalesce(t.currency, p.currency) AS spend_currency,
       p.card_token, coalesce(p.first_six, a.first_six) AS first_six,
       coalesce(p.last_four, a.last_four) AS last_four,
       coalesce(p.auth_code, a.auth_code) AS auth_code, p.approval_code,
       coalesce(p.settlement_key, p.transaction_id) AS settlement_key,
       CASE WHEN m.voided_at IS NULL THEN 'MATCHED' ELSE 'VOIDED' END AS status,
       m.matching_type, m.match_group, m.evidence, m.payment_part, m.sale_part,
       json_patch(coalesce(p.extra_fields, '{}'), coalesce(t.extra_fields, '{}')) AS extra_fields,
       m.operator, m.reason, m.voided_at, m.voided_by, m.void_reason, m.created_at
FROM pairing m
JOIN payment p ON p.id = m.payment_transaction_id
JOIN feed f ON f.id = p.feed_id
JOIN loyalty_scheme s ON s.id = m.scheme_id
LEFT JOIN sale t ON t.id = m.scheme_transaction_id
LEFT JOIN pairing x ON x.other_payment_transaction_id = p.id AND x.matching_type = 'SUPERSEDED'
                   AND x.voided_at IS NULL
LEFT JOIN payment a ON a.id = x.payment_transaction_id
WHERE m.matching_type IN ('LOYALTY', 'SPOTTED', 'FORCED', 'NON_LOYALTY', 'MIXED');

-- What the merchant is told. A settlement that differs from the authorisation that was matched tells
-- of the same sale, with its own amount and the difference as `correction`.
CREATE VIEW export_transaction AS
SELECT e.id, e.pairing_id AS matched_transaction_id, e.payment_transaction_id,
       coalesce(t.transaction_id, p.transaction_id) AS transaction_id,
       f.feed_type, s.slug AS provider_slug,
       coalesce(t.date, p.date) AS transaction_date,
       CASE WHEN m.matching_type = 'SETTLEMENT' THEN p.amount ELSE coalesce(t.amount, p.amount) END
           AS spend_amount,
       coalesce(t.currency, p.currency) AS spend_currency,
       u.loyalty_id, p.mid, i.identifier AS primary_identifier, i.location_id,
       i.merchant_internal_id, u.user_id, u.scheme_account_id, u.payment_card_account_id,
       u.credentials, coalesce(p.settlement_key, p.transaction_id) AS settlement_key,
       u.last_four, u.expiry_month, u.expiry_year,
       f.provider_slug AS payment_provider_slug, coalesce(p.auth_code, a.auth_code) AS auth_code,
       p.approval_code,
       json_patch(coalesce(p.extra_fields, '{}'), coalesce(t.extra_fields, '{}')) AS extra_fields,
       lower(substr(hex(e.export_uid), 1, 8) || '-' || substr(hex(e.export_uid), 9, 4) || '-'
          || substr(hex(e.export_uid), 13, 4) || '-' || substr(hex(e.export_uid), 17, 4) || '-'
          || substr(hex(e.export_uid), 21)) AS export_uid,
       CASE WHEN m.matching_type = 'SETTLEMENT' THEN m.difference END AS correction,
       coalesce(d.state, 'PENDING') AS status, d.reason AS status_reason,
       coalesce(d.tries, 0) AS tries, d.export_attempt_id, e.scheme_id, e.created_at
FROM export e
JOIN payment p ON p.id = e.payment_transaction_id
JOIN feed f ON f.id = p.feed_id
JOIN loyalty_scheme s ON s.id = e.scheme_id
JOIN merchant_identifier i ON i.id = p.merchant_identifier_id
LEFT JOIN user_identity u ON u.payment_transaction_id = p.id
LEFT JOIN pairing m ON m.id = e.pairing_id
LEFT JOIN pairing b ON m.matching_type = 'SETTLEMENT' AND b.voided_at IS NULL
                   AND b.payment_transaction_id = m.other_payment_transaction_id
                   AND b.payment_part = 0
LEFT JOIN sale t ON t.id = coalesce(m.scheme_transaction_id, b.scheme_transaction_id)
LEFT JOIN pairing x ON x.other_payment_transaction_id = p.id AND x.matching_type = 'SUPERSEDED'
                   AND x.voided_at IS NULL
LEFT JOIN payment a ON a.id = x.payment_transaction_id
LEFT JOIN delivery d ON d.export_id = e.id;
