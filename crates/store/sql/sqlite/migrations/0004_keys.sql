-- Keys of the API, and what was answered to requests that carry a key of their own.

-- Only the hash of a key is kept. One that was revoked stays, so that what it did can be told.
CREATE TABLE api_key (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL CHECK (name <> ''),
    hint         TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    scopes       TEXT NOT NULL CHECK (json_valid(scopes)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER CHECK (expires_at > created_at),
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_key_in_force ON api_key (name) WHERE revoked_at IS NULL;

-- A request that comes again with its key is told the same, and nothing of it is imported.
CREATE TABLE push_log (
    id         INTEGER PRIMARY KEY,
    feed_name  TEXT NOT NULL,
    key_hash   BLOB NOT NULL CHECK (length(key_hash) = 32),
    body_hash  BLOB NOT NULL CHECK (length(body_hash) = 32),
    file_id    INTEGER NOT NULL,
    receipt    TEXT NOT NULL CHECK (json_valid(receipt)),
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX push_log_key ON push_log (feed_name, key_hash);
CREATE INDEX push_log_age ON push_log (created_at);
