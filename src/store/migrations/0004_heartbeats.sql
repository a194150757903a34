-- What the dispatcher of a run said last of itself and of its open attempts. Nothing depends on it: a row may go at any
-- time, and goes when the run ends.

CREATE TABLE heartbeats (
    run         INTEGER PRIMARY KEY REFERENCES runs (no),
    at          INTEGER NOT NULL,
    data        TEXT NOT NULL     -- JSON
) STRICT;
