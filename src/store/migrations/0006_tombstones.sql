-- What stays known of runs that were pruned. All else of such a run is gone from the other tables, in the transaction that
-- wrote its row here.

CREATE TABLE tombstones (
    no          INTEGER PRIMARY KEY,    -- the number that the run had
    id          TEXT NOT NULL UNIQUE,
    pruned_at   INTEGER NOT NULL,
    data        TEXT NOT NULL           -- JSON
) STRICT;

-- Whoever finds an id in a log or a commit has to be able to tell which run it was.
CREATE TRIGGER no_id_twice BEFORE INSERT ON runs WHEN EXISTS (SELECT 1 FROM tombstones WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'a pruned run had this id');
END;
