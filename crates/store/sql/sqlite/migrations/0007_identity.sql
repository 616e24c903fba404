-- Whose card a payment was has the payment's number: one of its own, and a second tree of those, cost
-- each commit and served nobody. What a table is keyed by cannot be changed where it stands, so its rows
-- are copied.
CREATE TABLE identity_before AS SELECT * FROM user_identity;
DROP TABLE user_identity;
CREATE TABLE user_identity (
    payment_transaction_id  INTEGER PRIMARY KEY,
    id                      INTEGER NOT NULL GENERATED ALWAYS AS (payment_transaction_id) VIRTUAL,
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
INSERT INTO user_identity (payment_transaction_id, loyalty_id, user_id, scheme_account_id,
    payment_card_account_id, first_six, last_four, expiry_month, expiry_year, credentials, created_at)
SELECT payment_transaction_id, loyalty_id, user_id, scheme_account_id, payment_card_account_id,
       first_six, last_four, expiry_month, expiry_year, credentials, created_at
FROM identity_before ORDER BY payment_transaction_id;
DROP TABLE identity_before;
DELETE FROM last_number WHERE name = 'user_identity';
