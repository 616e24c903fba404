-- The tables that the journey is compared with: one for both feeds, with a status that an index and an
-- update follow; one for matches; one for exports.
CREATE TABLE txn (
    id               bigserial PRIMARY KEY,
    feed_type        smallint NOT NULL,
    status           smallint NOT NULL DEFAULT 0,
    transaction_id   text NOT NULL,
    provider         smallint NOT NULL,
    mid              text NOT NULL,
    location_id      text,
    transaction_date timestamptz NOT NULL,
    has_time         boolean NOT NULL,
    amount           integer NOT NULL,
    currency         text NOT NULL,
    cashback         integer,
    auth_code        text,
    first_six        text,
    last_four        text,
    card_token       text,
    batch_id         integer,
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (transaction_id, feed_type)
);
CREATE INDEX txn_pending ON txn (mid, amount, transaction_date) WHERE status = 0;
CREATE TABLE matched_txn (
    id         bigserial PRIMARY KEY,
    payment_id bigint NOT NULL UNIQUE,
    scheme_id  bigint NOT NULL UNIQUE,
    rule       smallint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE export_txn (
    id               bigserial PRIMARY KEY,
    scheme_txn_id    bigint NOT NULL UNIQUE,
    transaction_id   text,
    provider         smallint,
    mid              text,
    amount           integer,
    transaction_date timestamptz,
    auth_code        text,
    card_token       text,
    status           smallint NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now()
);
