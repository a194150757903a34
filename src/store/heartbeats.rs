//! The last sign of life of each run's dispatcher. No events: there would be too many, and nothing follows from them.

use super::StoreError;
use super::database::{Store, waits_on};
use crate::domain::id::RunId;
use crate::domain::liveness::Heartbeat;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

impl Store {
    /// Says that the dispatcher of a run lives; what it said before goes. Waits for nobody who writes to the store just now:
    /// then it is busy, and the dispatcher has more to do than to wait.
    pub fn beat(&mut self, run: &RunId, heartbeat: &Heartbeat) -> Result<(), StoreError> {
        let sql = "INSERT INTO heartbeats (run, at, data) SELECT no, ?2, ?3 FROM runs WHERE id = ?1
                   ON CONFLICT (run) DO UPDATE SET at = excluded.at, data = excluded.data";
        let data = serde_json::to_string(heartbeat).unwrap_or_default();
        let waits_for_nobody = self.connection.busy_handler(None::<fn(i32) -> bool>);
        waits_for_nobody.map_err(|source| self.failed(source))?;
        let written = self.connection.prepare_cached(sql);
        let written = written.and_then(|mut sql| sql.execute(params![run.as_str(), heartbeat.at.0, data]));
        let waits_again = self.connection.busy_handler(Some(waits_on));
        written.and(waits_again).map_err(|source| self.failed(source))
    }

    /// Takes away what was said, where nobody works on the run any more.
    pub fn end_beats(&self, run: &RunId) -> Result<(), StoreError> {
        let sql = "DELETE FROM heartbeats WHERE run = (SELECT no FROM runs WHERE id = ?)";
        self.connection.execute(sql, [run.as_str()]).map(|_| ()).map_err(|source| self.failed(source))
    }

    /// Returns what the dispatcher of a run said last; none where it said nothing that can be read.
    pub fn heartbeat(&self, run: &RunId) -> Result<Option<Heartbeat>, StoreError> {
        let sql = "SELECT data FROM heartbeats WHERE run = (SELECT no FROM runs WHERE id = ?)";
        let read = self.connection.query_row(sql, [run.as_str()], |row| row.get::<_, String>(0)).optional();
        match read {
            Ok(data) => Ok(data.and_then(|data| serde_json::from_str(&data).ok())),
            Err(_) if !self.has_table("heartbeats")? => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Returns what the dispatchers of all runs said last, as far as that can be read.
    pub fn heartbeats(&self) -> Result<BTreeMap<RunId, Heartbeat>, StoreError> {
        if !self.has_table("heartbeats")? {
            return Ok(BTreeMap::new());
        }
        let sql = "SELECT id, data FROM heartbeats JOIN runs ON runs.no = heartbeats.run";
        let said = self.rows(sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        let read =
            |(id, data): (String, String)| Some((RunId::parse(&id)?, serde_json::from_str(&data).ok()?));
        Ok(said.into_iter().filter_map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::ProcessId;
    use crate::domain::run::tests::run_created;
    use crate::domain::time::Time;
    use crate::store::layout::Layout;
    use rusqlite::Connection;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// Makes a store with a run in it.
    fn store_with_run(folder: &tempfile::TempDir) -> (Store, RunId) {
        let mut store = Store::open(&Layout::of(folder.path())).unwrap();
        let id = RunId::from_random(1);
        let created = run_created();
        store.create_run(id.clone(), Time(1), vec![created]).unwrap();
        (store, id)
    }

    fn heartbeat(at: i64) -> Heartbeat {
        let process = ProcessId { pid: 1, start: 1, boot: "b".into() };
        Heartbeat { process, at: Time(at), attempts: vec![] }
    }

    #[test]
    fn a_beat_waits_for_no_other_writer_and_whatever_else_is_written_does() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, id) = store_with_run(&folder);
        static WAITED: AtomicBool = AtomicBool::new(false);
        let waits = |_| {
            WAITED.store(true, Ordering::Relaxed);
            false
        };
        store.connection.busy_handler(Some(waits)).unwrap();
        let other = Connection::open(Layout::of(folder.path()).database()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let busy = store.beat(&id, &heartbeat(1)).unwrap_err();
        assert!(busy.is_busy() && !WAITED.load(Ordering::Relaxed), "{busy}");
        std::thread::scope(|threads| {
            let (begun, begins) = channel();
            threads.spawn(move || {
                begins.recv().unwrap();
                // Most of the time it waits by then.
                std::thread::sleep(Duration::from_millis(20));
                other.execute_batch("COMMIT").unwrap();
            });
            begun.send(()).unwrap();
            store.end_beats(&id).unwrap();
        });
        store.beat(&id, &heartbeat(2)).unwrap();
        assert_eq!(store.heartbeat(&id).unwrap(), Some(heartbeat(2)));
    }

    #[test]
    fn the_last_beat_of_a_run_is_kept_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, id) = store_with_run(&folder);
        assert_eq!(store.heartbeat(&id).unwrap(), None);
        for at in [1, 2] {
            let heartbeat = heartbeat(at);
            store.beat(&id, &heartbeat).unwrap();
            assert_eq!(store.heartbeat(&id).unwrap(), Some(heartbeat));
        }
        store.end_beats(&id).unwrap();
        assert_eq!(store.heartbeat(&id).unwrap(), None);
    }
}
