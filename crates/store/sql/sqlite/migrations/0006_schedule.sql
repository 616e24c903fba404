-- Who does what when: schedules, their leader, and when each part worked last.

-- When each schedule ticked last. It only moves on, and in the commit that does what the tick asks for.
CREATE TABLE schedule (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    last_tick INTEGER NOT NULL
) STRICT;

-- The one process that watches the schedules. Each later leader has a later token.
CREATE TABLE leader (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    holder       TEXT NOT NULL,
    token        INTEGER NOT NULL,
    leased_until INTEGER NOT NULL
) STRICT;

-- When each part of Harmonia worked last.
CREATE TABLE check_in (
    id   INTEGER PRIMARY KEY,
    part TEXT NOT NULL UNIQUE,
    at   INTEGER NOT NULL
) STRICT;
