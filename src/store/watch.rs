//! Looking on at all runs of a repository at once: at each look only what was recorded since the last one is read.
//!
//! Nothing is written, no lock of a run is kept, and nobody is waited for: a store that is busy says so at once, and the
//! next look finds what this one missed.

use super::StoreError;
use super::database::Store;
use super::layout::Layout;
use super::queries::RunRow;
use crate::domain::dead_letter::{self, Fate};
use crate::domain::event::Recorded;
use crate::domain::id::RunId;
use crate::domain::liveness::Heartbeat;
use crate::domain::provider::Providers;
use crate::domain::run::Run;
use crate::domain::time::Time;
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};

/// The most events that are read at once.
const PAGE: usize = 1_000;
/// The most open runs that are held, the newest of them.
pub const MAX_OPEN: usize = 500;

/// What is known of all runs after a look.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    /// Changes with each commit of another connection.
    data_version: Option<i64>,
    /// The number of the newest event that was taken in.
    seen: i64,
    /// Runs that were open at some look, and those that somebody asked for.
    pub runs: BTreeMap<RunId, Run>,
    /// Runs of which some event cannot be read; they are held as far as they can be.
    pub unreadable: BTreeSet<RunId>,
    pub heartbeats: BTreeMap<RunId, Heartbeat>,
    pub providers: Providers,
    /// Tasks of all runs that were given up, and that nobody has seen to.
    pub dead_letters: usize,
    /// How many runs there are.
    pub total: usize,
    pruned: usize,
}

impl Watch {
    /// Opens the store of a repository, where there is one.
    pub fn open(layout: &Layout) -> Result<Option<Watch>, StoreError> {
        let store = Store::open_to_look(layout)?;
        Ok(store.map(|store| Watch {
            store,
            data_version: None,
            seen: 0,
            runs: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            heartbeats: BTreeMap::new(),
            providers: Providers::default(),
            dead_letters: 0,
            total: 0,
            pruned: 0,
        }))
    }

    /// Returns the store, to ask it for more.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Takes in what was recorded since the last look, and tells whether that was anything. After an error, what is held is
    /// as good as it was, and the next look goes on from there.
    pub fn look(&mut self) -> Result<bool, StoreError> {
        Store::refuse_if_replaced(self.store.layout(), self.store.file)?;
        let version = self.store.one("PRAGMA data_version", [], |row| row.get(0))?;
        if self.data_version == Some(version) {
            return Ok(false);
        }
        let pruned = self.store.pruned_count()?;
        if self.data_version.is_none() || pruned != self.pruned {
            self.begin()?;
        }
        let letters = self.go_on()? || self.data_version.is_none() || pruned != self.pruned;
        self.heartbeats = self.store.heartbeats()?;
        self.providers = self.store.providers()?;
        self.total = self.store.run_count()?;
        if letters {
            let filed = dead_letter::filed(self.store.dead_letter_events()?);
            self.dead_letters = filed.iter().filter(|filed| filed.fate == Fate::Standing).count();
        }
        (self.data_version, self.pruned) = (Some(version), pruned);
        Ok(true)
    }

    /// Reads the runs that are open.
    fn begin(&mut self) -> Result<(), StoreError> {
        // Asked first: what is recorded while they are read is taken in after that, and nothing twice.
        self.seen = self.store.one("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0))?;
        self.runs.clear();
        self.unreadable.clear();
        for id in self.store.open_ids(MAX_OPEN)? {
            self.hold(&id)?;
        }
        Ok(())
    }

    /// Reads what has happened since, and tells whether something of it may concern dead letters.
    fn go_on(&mut self) -> Result<bool, StoreError> {
        let mut letters = false;
        loop {
            let page = self.store.events_of_all(self.seen, PAGE)?;
            for (seq, id, recorded) in &page {
                let Some(id) = RunId::parse(id) else { continue };
                match self.runs.get_mut(&id) {
                    Some(run) if *seq > run.last_seq && !self.unreadable.contains(&id) => {
                        let applied = recorded.as_ref().is_some_and(|recorded| {
                            letters |= dead_letter::concerns(&recorded.event);
                            run.apply(recorded.at, &recorded.event).is_ok()
                        });
                        run.last_seq = *seq;
                        if !applied {
                            self.unreadable.insert(id);
                        }
                    }
                    Some(_) => {}
                    None => {
                        letters = true;
                        self.hold(&id)?;
                    }
                }
                self.seen = *seq;
            }
            if page.len() < PAGE {
                return Ok(letters);
            }
        }
    }

    /// Reads a run whole, where it is not held yet.
    pub fn hold(&mut self, id: &RunId) -> Result<(), StoreError> {
        if self.runs.contains_key(id) {
            return Ok(());
        }
        let read = match self.store.load_run(id) {
            Ok(read) => read,
            Err(StoreError::UnreadableEvent { .. } | StoreError::Illegal(_)) => {
                self.unreadable.insert(id.clone());
                self.store.load_readable(id)?
            }
            Err(error) => return Err(error),
        };
        self.runs.extend(read.map(|run| (id.clone(), run)));
        Ok(())
    }

    /// Lets go of runs that nobody wants to see any more.
    pub fn retain(&mut self, mut wanted: impl FnMut(&Run) -> bool) {
        self.runs.retain(|_, run| wanted(run));
        self.unreadable.retain(|id| self.runs.contains_key(id));
    }

    /// Returns the newest runs as a list shows them, newest first.
    pub fn rows(&self, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        self.store.runs(limit)
    }
}

/// An event as it was found, with its number and its run; none where it cannot be read.
type Found = (i64, String, Option<Recorded>);

impl Store {
    /// Returns the runs of which something is open, oldest first; where there are more than `limit`, the newest of them.
    fn open_ids(&self, limit: usize) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM runs
                   WHERE no IN (SELECT run FROM tasks WHERE state IN ('queued', 'running', 'awaiting_input'))
                      OR (started AND ended_at IS NULL)
                   ORDER BY no DESC LIMIT ?";
        let ids = self.rows(sql, [limit as i64], |row| row.get::<_, String>(0))?;
        Ok(ids.iter().rev().filter_map(|id| RunId::parse(id)).collect())
    }

    /// Returns the events of all runs after `since`, oldest first, at most `limit`.
    fn events_of_all(&self, since: i64, limit: usize) -> Result<Vec<Found>, StoreError> {
        let sql = "SELECT seq, runs.id, at, data FROM events JOIN runs ON runs.no = events.run
                   WHERE seq > ? ORDER BY seq LIMIT ?";
        self.rows(sql, params![since, limit as i64], |row| {
            let (seq, run, at) = (row.get(0)?, row.get::<_, String>(1)?, Time(row.get(2)?));
            let event = serde_json::from_str(&row.get::<_, String>(3)?).ok();
            let recorded =
                event.and_then(|event| Some(Recorded { seq, run: RunId::parse(&run)?, at, event }));
            Ok((seq, run, recorded))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::run::tests::{ended, run_created, spec, started};
    use rusqlite::Connection;

    fn events(tasks: &[&str]) -> Vec<Event> {
        let tasks = tasks.iter().map(|task| Event::TaskCreated { spec: spec(task, &[]) });
        std::iter::once(run_created()).chain(tasks).collect()
    }

    #[test]
    fn a_look_takes_in_what_others_have_recorded_and_nothing_twice() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path());
        assert!(Watch::open(&layout).unwrap().is_none());
        let mut store = Store::open(&layout).unwrap();
        let (one, other) = (RunId::from_random(1), RunId::from_random(2));
        let (mut run, _) = store.create_run(one.clone(), Time(1), events(&["a"])).unwrap();
        let mut watch = Watch::open(&layout).unwrap().unwrap();
        assert!(watch.look().unwrap());
        assert_eq!(watch.runs.keys().collect::<Vec<_>>(), [&one]);
        assert!(!watch.look().unwrap(), "nothing was written");
        store.record(&mut run, Time(2), started("a", 1)).unwrap();
        store.create_run(other.clone(), Time(3), events(&["a"])).unwrap();
        assert!(watch.look().unwrap());
        assert_eq!(watch.runs[&one], store.load_run(&one).unwrap().unwrap());
        assert_eq!((watch.runs.len(), watch.total), (2, 2));
        store.record(&mut run, Time(4), ended("a", 1, Outcome::Succeeded, None)).unwrap();
        assert!(watch.look().unwrap());
        assert_eq!(watch.runs[&one], store.load_run(&one).unwrap().unwrap());
        watch.retain(|run| run.id != one);
        assert!(watch.look().is_ok_and(|changed| !changed) && !watch.runs.contains_key(&one));
        // It is nothing that is open, so somebody who begins now does not read it.
        let mut fresh = Watch::open(&layout).unwrap().unwrap();
        fresh.look().unwrap();
        assert_eq!(fresh.runs.keys().collect::<Vec<_>>(), [&other]);
        fresh.hold(&one).unwrap();
        assert_eq!(fresh.runs[&one], store.load_run(&one).unwrap().unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_held_as_far_as_it_can_be() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path());
        let mut store = Store::open(&layout).unwrap();
        let id = RunId::from_random(1);
        store.create_run(id.clone(), Time(1), events(&["a"])).unwrap();
        let mut watch = Watch::open(&layout).unwrap().unwrap();
        watch.look().unwrap();
        let sql = "INSERT INTO events (run, at, kind, data) VALUES (1, 2, 'of_a_later_crew', '{}')";
        store.connection.execute(sql, []).unwrap();
        assert!(watch.look().unwrap());
        assert!(watch.unreadable.contains(&id) && watch.runs[&id].tasks.len() == 1);
        let mut fresh = Watch::open(&layout).unwrap().unwrap();
        fresh.look().unwrap();
        assert!(fresh.unreadable.contains(&id) && fresh.runs[&id].tasks.len() == 1);
    }

    #[test]
    fn a_busy_store_is_an_error_at_once_and_whoever_looks_keeps_nobody_from_writing() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path());
        let mut store = Store::open(&layout).unwrap();
        let (mut run, _) = store.create_run(RunId::from_random(1), Time(1), events(&["a"])).unwrap();
        let mut watch = Watch::open(&layout).unwrap().unwrap();
        watch.look().unwrap();
        store.record(&mut run, Time(2), started("a", 1)).unwrap();
        assert!(watch.store.connection.execute("DELETE FROM events", []).is_err(), "it only reads");
        assert!(watch.look().unwrap());
        drop((watch, store));
        let alone = Connection::open(layout.database()).unwrap();
        alone.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT").unwrap();
        let began = std::time::Instant::now();
        let looked = Watch::open(&layout).and_then(|watch| watch.unwrap().look().map(drop));
        assert!(looked.unwrap_err().is_busy() && began.elapsed() < std::time::Duration::from_secs(5));
        drop(alone);
        assert!(Watch::open(&layout).unwrap().unwrap().look().unwrap());
    }
}
