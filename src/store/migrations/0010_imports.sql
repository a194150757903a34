-- Runs that were taken in are few, and are looked for among all events whenever runs are measured.

CREATE INDEX imports ON events (run, seq) WHERE kind = 'run_imported';
