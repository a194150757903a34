-- The providers that limit requests, for all runs at once. Nothing depends on it: a row may go at any time, and goes when
-- somebody comes through again, or nobody has met the limit for long.

CREATE TABLE back_offs (
    provider    TEXT PRIMARY KEY,
    data        TEXT NOT NULL     -- JSON
) STRICT, WITHOUT ROWID;
