//! Takes runs out of the store, and keeps what stays known of them.

use super::StoreError;
use super::database::Store;
use super::figures::{self, Figures};
use crate::domain::id::RunId;
use crate::domain::run::Run;
use crate::domain::tombstone::Tombstone;
use rusqlite::{OptionalExtension, TransactionBehavior, params};

/// What a store takes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of it that hold nothing.
    pub free: u64,
}

/// Less free room than this is left: what comes next takes it.
const LITTLE: u64 = 1 << 20;

impl Room {
    /// Tells whether it is worth writing the whole file anew.
    pub fn is_worth_shrinking(self) -> bool {
        self.free >= LITTLE && self.free >= self.bytes / 4
    }
}

impl Store {
    /// Takes a run out of the store and puts its tombstone there, all or nothing, and returns when that is on the disk.
    ///
    /// The caller holds the run's lock. Where the run in the store is newer than the one that was decided about, this is
    /// refused as stale. `figures` are what all its events came to.
    pub fn entomb(&mut self, run: &Run, stone: &Tombstone, figures: &Figures) -> Result<(), StoreError> {
        self.bury(run, stone, figures).map_err(|source| self.failed(source))??;
        self.sync()
    }

    fn bury(
        &mut self,
        run: &Run,
        stone: &Tombstone,
        left: &Figures,
    ) -> rusqlite::Result<Result<(), StoreError>> {
        let data = serde_json::to_string(stone)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Err(replaced) = Store::refuse_if_replaced(&self.layout, self.file) {
            return Ok(Err(replaced));
        }
        let sql =
            "SELECT no, (SELECT coalesce(max(seq), 0) FROM events WHERE run = no) FROM runs WHERE id = ?";
        let found: Option<(i64, i64)> =
            transaction.query_row(sql, [run.id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((number, _)) = found.filter(|(_, seq)| *seq == run.last_seq) else {
            return Ok(Err(StoreError::Stale { run: run.id.clone() }));
        };
        // Tables refer to each other; at the end of it nothing refers to what is gone.
        transaction.execute_batch("PRAGMA defer_foreign_keys = ON")?;
        let tables = "SELECT DISTINCT tables.name FROM sqlite_schema AS tables
                      JOIN pragma_foreign_key_list(tables.name) AS keys
                      WHERE tables.type = 'table' AND keys.\"table\" IN ('runs', 'tasks') AND keys.\"from\" = 'run'";
        let tables: Vec<String> =
            transaction.prepare(tables)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for table in tables {
            transaction.execute(&format!("DELETE FROM \"{table}\" WHERE run = ?"), [number])?;
        }
        transaction.execute("DELETE FROM runs WHERE no = ?", [number])?;
        // What passed there is known by its log, which goes.
        let logs = format!("runs/{}/", run.id);
        transaction.execute("DELETE FROM verifications WHERE substr(log, 1, length(?1)) = ?1", [logs])?;
        let sql = "INSERT INTO tombstones (no, id, pruned_at, data) VALUES (?, ?, ?, ?)";
        transaction.execute(sql, params![number, run.id.as_str(), stone.pruned_at.0, data])?;
        figures::entomb(&transaction, number, run.last_seq, left)?;
        transaction.commit()?;
        Ok(Ok(()))
    }

    /// Returns what is known of pruned runs whose id begins with `prefix`, the newest first, at most `limit`.
    pub fn tombstones(&self, prefix: &str, limit: usize) -> Result<Vec<Tombstone>, StoreError> {
        if !self.has_table("tombstones")? {
            return Ok(Vec::new());
        }
        // Ids have no characters above `z`.
        let sql = "SELECT data FROM tombstones WHERE id >= ?1 AND id < ?1 || '{' ORDER BY no DESC LIMIT ?2";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.rows(sql, params![prefix, limit], |row| row.get::<_, String>(0))?;
        // What a newer crew says differently is left out: the run is gone all the same.
        Ok(rows.iter().filter_map(|data| serde_json::from_str(data).ok()).collect())
    }

    /// Returns how many runs were pruned.
    pub fn pruned_count(&self) -> Result<usize, StoreError> {
        if !self.has_table("tombstones")? {
            return Ok(0);
        }
        Ok(self.one("SELECT count(*) FROM tombstones", [], |row| row.get::<_, i64>(0))? as usize)
    }

    /// Returns the ids of pruned runs that come just before and after an id.
    pub(super) fn pruned_beside(&self, run: &RunId) -> Result<Vec<RunId>, StoreError> {
        if !self.has_table("tombstones")? {
            return Ok(Vec::new());
        }
        let before = "SELECT id FROM tombstones WHERE id < ? ORDER BY id DESC LIMIT 1";
        let after = "SELECT id FROM tombstones WHERE id > ? ORDER BY id LIMIT 1";
        let mut found = self.rows(before, [run.as_str()], |row| row.get::<_, String>(0))?;
        found.extend(self.rows(after, [run.as_str()], |row| row.get::<_, String>(0))?);
        Ok(found.iter().filter_map(|id| RunId::parse(id)).collect())
    }

    /// Returns how many bytes of the store are a run's record, about.
    pub fn bytes_of(&self, run: &RunId) -> Result<u64, StoreError> {
        let sql = "SELECT coalesce(sum(length(data) + 64), 0) FROM events
                   WHERE run = (SELECT no FROM runs WHERE id = ?)";
        Ok(self.one(sql, [run.as_str()], |row| row.get::<_, i64>(0))? as u64)
    }

    /// Returns what the store takes up.
    pub fn room(&self) -> Result<Room, StoreError> {
        let number = |name: &str| self.one(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        let (size, pages, free) = (number("page_size")?, number("page_count")?, number("freelist_count")?);
        Ok(Room { bytes: (size * pages) as u64, free: (size * free) as u64 })
    }

    /// Writes the store anew without what holds nothing. Others wait meanwhile, so nobody should be at work.
    pub fn shrink(&mut self) -> Result<(), StoreError> {
        let shrunk = self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
        shrunk.map_err(|source| self.failed(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::domain::run::tests::{run_created, spec, started};
    use crate::domain::time::Time;
    use crate::store::database::{Answered, Applied};
    use crate::store::layout::Layout;

    fn run_in(store: &mut Store, id: u128) -> Run {
        let events = vec![run_created(), Event::TaskCreated { spec: spec("a", &[]) }];
        let (mut run, _) = store.create_run(RunId::from_random(id), Time(1), events).unwrap();
        let started = Applied::to(&mut run, Time(2), started("a", 1)).unwrap();
        let answered = Answered { request: format!("r{id}"), answer: "yes".into() };
        store.append(&mut run, vec![started], &[answered]).unwrap();
        run
    }

    #[test]
    fn a_run_goes_whole_and_its_id_is_never_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&Layout::of(folder.path())).unwrap();
        let (one, other) = (run_in(&mut store, 1), run_in(&mut store, 2));
        let stone = |run: &Run| Tombstone::of(run, &[], Time(9), "Ada", 0);
        let mut old = one.clone();
        old.last_seq -= 1;
        assert!(matches!(
            store.entomb(&old, &stone(&one), &Figures::default()),
            Err(StoreError::Stale { .. })
        ));
        assert_eq!(store.load_run(&one.id).unwrap().as_ref(), Some(&one));
        store.entomb(&one, &stone(&one), &Figures::default()).unwrap();
        assert_eq!(store.load_run(&one.id).unwrap(), None);
        assert_eq!(store.tombstones(&one.id.as_str()[..4], 9).unwrap(), [stone(&one)]);
        assert_eq!((store.run_count().unwrap(), store.pruned_count().unwrap()), (1, 1));
        assert_eq!(store.load_run(&other.id).unwrap(), Some(other));
        for table in ["events", "tasks", "attempts", "requests"] {
            let left: i64 =
                store.one(&format!("SELECT count(DISTINCT run) FROM {table}"), [], |row| row.get(0)).unwrap();
            assert_eq!(left, 1, "{table}");
        }
        assert!(store.check_integrity().unwrap().is_empty());
        let again = store.create_run(one.id.clone(), Time(3), vec![run_created()]).unwrap_err();
        assert!(again.to_string().contains("crew.db"), "{again}");
        assert!(matches!(
            store.entomb(&one, &stone(&one), &Figures::default()),
            Err(StoreError::Stale { .. })
        ));
    }

    #[test]
    fn it_is_worth_writing_a_store_anew_where_much_of_it_is_free() {
        let room = |bytes, free| Room { bytes, free }.is_worth_shrinking();
        assert!(room(4 << 20, 1 << 20) && !room(5 << 20, 1 << 20) && !room(1 << 20, 1 << 19));
    }
}
