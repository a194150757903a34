-- Verification commands that passed and left the folder as it was. What is here saves work, and nothing else depends on
-- it: a row may go at any time.

CREATE TABLE verifications (
    folder      TEXT NOT NULL,    -- number of all that the folder held: its tree, references, index and settings
    command     TEXT NOT NULL,
    environment TEXT NOT NULL,    -- number of the variables that the command saw
    at          INTEGER NOT NULL,
    millis      INTEGER NOT NULL,
    log         TEXT NOT NULL,    -- relative to .crew
    PRIMARY KEY (folder, command, environment)
) STRICT, WITHOUT ROWID;
