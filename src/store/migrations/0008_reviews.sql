-- Reviewers' passes over exact versions of something, and what persons decided about what they found, over all runs. Both are
-- derived from events.

CREATE TABLE reviews (
    run             INTEGER NOT NULL REFERENCES runs (no),
    place           INTEGER NOT NULL,   -- of the reviewer's task
    task            TEXT NOT NULL,
    reviewer        TEXT NOT NULL,
    target          TEXT NOT NULL,      -- by what the next version of the same thing is known
    version         TEXT NOT NULL,
    words           TEXT NOT NULL,
    state           TEXT NOT NULL,
    asked_at        INTEGER NOT NULL,
    ended_at        INTEGER,
    alone           INTEGER NOT NULL,   -- its run is a review
    superseded_by   TEXT,               -- the run that reviews a newer version, or this one again
    PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;
-- Two who ask for the same at once get one review, and what is approved is not reviewed again.
CREATE UNIQUE INDEX one_review ON reviews (target, version, reviewer)
    WHERE state IN ('running', 'approved') AND superseded_by IS NULL;

-- What was dismissed stays so when its run is pruned, so this refers to no run.
CREATE TABLE finding_decisions (
    seq         INTEGER PRIMARY KEY,    -- the event's
    run         TEXT NOT NULL,
    at          INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    decision    TEXT NOT NULL,
    data        TEXT NOT NULL           -- JSON
) STRICT;
CREATE INDEX decisions_of_finding ON finding_decisions (fingerprint, seq);
