-- What the events of all runs come to, hour by hour, so that they are not read again and again. Derived from events, up to the
-- one that the head names, and from what pruned runs have left; all of it may go at any time.

CREATE TABLE figure_series (
    no          INTEGER PRIMARY KEY,
    metric      TEXT NOT NULL,
    version     TEXT NOT NULL,      -- of the crew that the runs were made with
    labels      TEXT NOT NULL,      -- JSON
    UNIQUE (metric, version, labels)
) STRICT;

CREATE TABLE figures (
    hours       INTEGER NOT NULL,   -- how long it is: 1 or 24
    start       INTEGER NOT NULL,   -- hours since 1970, UTC
    series      INTEGER NOT NULL REFERENCES figure_series (no),
    sum         INTEGER NOT NULL,
    counts      TEXT NOT NULL,      -- of a histogram: `250:3 +:1`, how many were at most 250, and how many beyond all bounds
    PRIMARY KEY (hours, start, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE figures_head (
    no          INTEGER PRIMARY KEY CHECK (no = 1),
    seq         INTEGER NOT NULL,   -- the newest event that is in them
    rules       INTEGER NOT NULL    -- by which they were measured
) STRICT;

-- What a run came to that was pruned. It is derived from nothing any more.
CREATE TABLE pruned_figures (
    no          INTEGER PRIMARY KEY,    -- the number that the run had
    data        TEXT NOT NULL           -- JSON
) STRICT;

-- Few of all tasks are open.
CREATE INDEX open_tasks ON tasks (state, run) WHERE state IN ('queued', 'running', 'awaiting_input');
