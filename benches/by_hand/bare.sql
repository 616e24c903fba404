-- The same rows with nothing to keep up: no key, no index, no default.
CREATE TABLE txn (
    feed_type        smallint,
    status           smallint,
    transaction_id   text,
    provider         smallint,
    mid              text,
    location_id      text,
    transaction_date timestamptz,
    has_time         boolean,
    amount           integer,
    currency         text,
    cashback         integer,
    auth_code        text,
    first_six        text,
    last_four        text,
    card_token       text,
    batch_id         integer
);
