-- The sweep: exports that a merchant answers, and what it answers.

-- What brings records: a merchant's answers as well. The rows keep their numbers, which the file log
-- names.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE feed_before (id INTEGER PRIMARY KEY, provider_slug TEXT, feed_type TEXT) STRICT;
INSERT INTO feed_before SELECT id, provider_slug, feed_type FROM feed;
DROP TABLE feed;
CREATE TABLE feed (
    id            INTEGER PRIMARY KEY,
    provider_slug TEXT NOT NULL,
    feed_type     TEXT NOT NULL
        CHECK (feed_type IN ('MERCHANT', 'AUTH', 'SETTLED', 'REFUND', 'ANSWER')),
    UNIQUE (provider_slug, feed_type)
) STRICT;
INSERT INTO feed SELECT id, provider_slug, feed_type FROM feed_before;
DROP TABLE feed_before;

-- Whether the merchant answers an export. Few are answered, so only those can be found by their uid,
-- and no other pays for that.
ALTER TABLE export ADD COLUMN is_answered INTEGER NOT NULL DEFAULT 0 CHECK (is_answered IN (0, 1));
CREATE UNIQUE INDEX export_answered ON export (export_uid) WHERE is_answered = 1;

-- What a merchant answered to an export, as the record came: the newest row counts, and the same
-- answer coming again adds none.
CREATE TABLE export_answer (
    id         INTEGER PRIMARY KEY,
    export_id  INTEGER NOT NULL,
    result     TEXT NOT NULL CHECK (result <> ''),
    file_id    INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    data       TEXT NOT NULL CHECK (json_valid(data)),
    created_at INTEGER NOT NULL,
    UNIQUE (export_id, result)
) STRICT;
