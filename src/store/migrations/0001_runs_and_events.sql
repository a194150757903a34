-- What happened, and the tables that commands ask. Every row of runs, tasks, attempts and artifacts is derived from
-- events, and is written in the transaction that appends the event.

CREATE TABLE runs (
    no          INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    goal        TEXT NOT NULL,
    team        TEXT NOT NULL,
    workflow    TEXT NOT NULL,
    created_at  INTEGER NOT NULL, -- all times: milliseconds since 1970, UTC
    ended_at    INTEGER,
    started     INTEGER NOT NULL  -- a dispatcher has owned it
) STRICT;

CREATE TABLE events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    run     INTEGER NOT NULL REFERENCES runs (no),
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    data    TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_run ON events (run, seq);

CREATE TABLE tasks (
    run         INTEGER NOT NULL REFERENCES runs (no),
    place       INTEGER NOT NULL, -- order in the workflow
    id          TEXT NOT NULL,
    role        TEXT NOT NULL,
    program     TEXT NOT NULL,
    state       TEXT NOT NULL,
    lenient     INTEGER NOT NULL, -- the run can complete without it
    reason      TEXT NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX task_by_id ON tasks (run, id);

CREATE TABLE attempts (
    run         INTEGER NOT NULL,
    place       INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    state       TEXT NOT NULL,
    agent       TEXT NOT NULL,
    model       TEXT,
    token_hash  TEXT NOT NULL,
    pid         INTEGER,
    log         TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    error_kind  TEXT,
    reason      TEXT NOT NULL,
    summary     TEXT NOT NULL,
    exit        INTEGER,
    signal      INTEGER,
    tokens      INTEGER,
    cost_usd    REAL,
    PRIMARY KEY (run, place, number),
    FOREIGN KEY (run, place) REFERENCES tasks (run, place)
) STRICT, WITHOUT ROWID;
-- Two open attempts of one task would be two agents on the same files.
CREATE UNIQUE INDEX one_open_attempt ON attempts (run, place) WHERE state IN ('starting', 'running', 'verifying');

CREATE TABLE artifacts (
    run     INTEGER NOT NULL REFERENCES runs (no),
    path    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    task    TEXT,
    at      INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,
    sha256  TEXT NOT NULL,
    PRIMARY KEY (run, path)
) STRICT, WITHOUT ROWID;

-- Requests that were answered, so that the same one is applied once.
CREATE TABLE requests (
    id      TEXT PRIMARY KEY,
    run     INTEGER NOT NULL REFERENCES runs (no),
    answer  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_of_token ON attempts (token_hash) WHERE token_hash <> '';
