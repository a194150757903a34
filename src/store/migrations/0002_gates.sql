-- Decisions that a person has to take. A number is given once in a repository, by a row of its own, because runs that
-- work at the same time take theirs before they write.

CREATE TABLE gate_numbers (
    no          INTEGER PRIMARY KEY AUTOINCREMENT
) STRICT;

CREATE TABLE gates (
    no          INTEGER PRIMARY KEY,
    run         INTEGER NOT NULL REFERENCES runs (no),
    task        TEXT NOT NULL,
    about       TEXT NOT NULL,
    opened_at   INTEGER NOT NULL,
    expires_at  INTEGER,
    decision    TEXT,           -- none while it is open
    decided_by  TEXT,
    decided_at  INTEGER
) STRICT;
CREATE INDEX open_gates ON gates (run) WHERE decision IS NULL;
