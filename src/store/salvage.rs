//! Brings what can be read of a damaged store into a new one, and sets the damaged one aside as it is.
//!
//! # How it works
//!
//! A run goes as far as its events are there one after the other: behind the first one that could not be read nothing counts,
//! since what follows would be glued to what it does not follow from. The index of events says which a run had; where that
//! cannot be read either, it may have had any that could not be. Its JSON copies, which know more, are set aside.
//!
//! Events are the truth, so only they are read, with the ids of runs and what follows from no event; all tables are derived
//! from them anew, with the numbers that they had. One process at a time does so ([`hold`]), and nobody writes to the damaged
//! store meanwhile. The new one is made in a folder beside. Once it is whole and the damaged one is set aside, it is named
//! `crew.db.new`, and from then on no store is opened and nothing is written here ([`StoreError::Replaced`]) until the
//! damaged one's log is gone and the new one has its name. A death before that leaves the damaged one as it was, a death
//! after it what the next time only finishes.

use super::StoreError;
use super::database::{self, Store};
use super::layout::Layout;
use super::lock::{self, RunLock};
use super::set_aside;
use crate::domain::event::Event;
use crate::domain::id::RunId;
use crate::domain::run::Run;
use crate::domain::time::Time;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Row, params};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What came of it.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// Runs whose record is there, those too that are cut short.
    pub runs: Vec<RunId>,
    /// Runs of whose record only the beginning is there, and why not the rest.
    pub cut_short: Vec<(RunId, String)>,
    /// Runs of which not even the beginning is there, with all their tasks.
    pub lost: Vec<RunId>,
    /// How many rows could not be read, at most.
    pub unread: u64,
    /// Where the damaged store is now.
    pub aside: PathBuf,
}

/// Proof that nobody else puts the store right, and nobody writes to it.
pub struct Hold {
    layout: Layout,
    _alone: RunLock,
    /// Keeps others from writing, where it is a store at all: where it is none, nobody can.
    writer: Option<Connection>,
}

/// Who keeps the store from being put right.
pub enum HeldBy {
    /// A crew process carries this run out.
    Run(RunId),
    /// Another process puts it right, or writes to it all the time.
    Another,
}

/// Holds the store, so that it can be put right. Others who put it right, or write to it, are waited for with patience.
pub fn hold(layout: &Layout, patience: Duration) -> Result<Result<Hold, HeldBy>, StoreError> {
    let runs = layout.runs();
    std::fs::create_dir_all(&runs).map_err(StoreError::file(&runs))?;
    let Some(alone) = lock::take_beside_within(&runs.join("store"), patience, || ())? else {
        return Ok(Err(HeldBy::Another));
    };
    let writer = match keep_from_writing(layout, patience) {
        Ok(writer) => writer,
        Err(busy) if busy.is_busy() => return Ok(Err(HeldBy::Another)),
        Err(error) => return Err(error),
    };
    let entries = std::fs::read_dir(&runs).into_iter().flatten().flatten();
    for run in entries.filter_map(|entry| RunId::parse(entry.file_name().to_str()?)) {
        if lock::is_owned(&layout.run(&run))? {
            return Ok(Err(HeldBy::Run(run)));
        }
    }
    Ok(Ok(Hold { layout: layout.clone(), _alone: alone, writer }))
}

/// Begins to write to the store, without writing anything.
fn keep_from_writing(layout: &Layout, patience: Duration) -> Result<Option<Connection>, StoreError> {
    let wrap = |source| StoreError::Database { path: layout.database(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let begin = || {
        let connection = Connection::open_with_flags(layout.database(), flags)?;
        connection.busy_timeout(patience)?;
        // Its log stays where it is when this is closed: both are set aside as they were found.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(connection)
    };
    match begin().map_err(wrap) {
        Ok(connection) => Ok(Some(connection)),
        Err(error) if error.is_damaged() => Ok(None),
        Err(error) => Err(error),
    }
}

impl Hold {
    /// Tells whether there is nothing to be put right: somebody else may have done so before it was held.
    pub fn is_whole(&self) -> bool {
        let sql = "SELECT (SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok')
                   + (SELECT count(*) FROM pragma_foreign_key_check)";
        let faults = |source: Source| source.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).ok();
        !self.layout.replacement().exists() && Source::open(&self.layout).ok().and_then(faults) == Some(0)
    }

    /// Makes a new store of what can be read of the damaged one. Returns nothing where that was done before, by somebody who
    /// was killed, and was only to be finished.
    pub fn salvage(self, now: Time) -> Result<Option<Salvaged>, StoreError> {
        let layout = self.layout;
        let salvaged = match layout.replacement().exists() {
            true => None,
            false => Some(make(&layout, now)?),
        };
        // Who waited to write sees now that there is another one.
        drop(self.writer);
        finish(&layout)?;
        Ok(salvaged)
    }
}

/// Makes the new store and sets the damaged one aside, which stays where it is.
fn make(layout: &Layout, now: Time) -> Result<Salvaged, StoreError> {
    remove_beside(layout)?;
    let inner = Layout::of(layout.salvage());
    let mut new = Store::open(&inner)?;
    let mut salvaged = match Source::open(layout) {
        Ok(source) => source.read_into(&mut new)?,
        // Not even its first page can be read. What was copied below `runs` is all that there is.
        Err(error) if error.is_damaged() => Salvaged::default(),
        Err(error) => return Err(error),
    };
    new.close_whole()?;
    let old = layout.database();
    let why = "it is damaged; what could be read of it is in the new one";
    salvaged.aside = set_aside::copy_there(layout, &old, why, now)?;
    for path in logs_of(&old).into_iter().filter(|path| path.exists()) {
        set_aside::copy_there(layout, &path, "it belongs to the damaged store", now)?;
    }
    let why = "it says more than what could be read of the damaged store";
    for (run, _) in &salvaged.cut_short {
        let paths = layout.run(run);
        for path in [paths.manifest(), paths.tasks()].into_iter().filter(|path| path.exists()) {
            set_aside::copy_there(layout, &path, why, now)?;
        }
    }
    let made = layout.replacement();
    std::fs::rename(inner.database(), &made).map_err(StoreError::file(&made))?;
    sync_folder(layout.root())?;
    Ok(salvaged)
}

/// Lets the new store take the damaged one's place. Each step may have been done before.
fn finish(layout: &Layout) -> Result<(), StoreError> {
    remove_beside(layout)?;
    let old = layout.database();
    // What it says is about the old file, and would damage the new one.
    for path in logs_of(&old).into_iter().filter(|path| path.exists()) {
        std::fs::remove_file(&path).map_err(StoreError::file(&path))?;
    }
    sync_folder(layout.root())?;
    std::fs::rename(layout.replacement(), &old).map_err(StoreError::file(&old))?;
    sync_folder(layout.root())
}

/// Removes what somebody who was killed began to make, or what is left of what was made.
fn remove_beside(layout: &Layout) -> Result<(), StoreError> {
    let beside = layout.salvage();
    match std::fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file(&beside)(error)),
        _ => Ok(()),
    }
}

/// Returns when the names in a folder are on the disk.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(StoreError::file(folder))
}

/// Names what SQLite keeps beside a store.
fn logs_of(store: &Path) -> [PathBuf; 2] {
    ["-wal", "-shm"].map(|ending| {
        let mut name = store.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

/// A damaged store, only read.
struct Source {
    connection: Connection,
    unread: u64,
}

/// What could be read of a table.
struct Read<T> {
    rows: Vec<T>,
    /// The numbers among which rows may have been that could not be read: the first and the last of each stretch.
    holes: Vec<(i64, i64)>,
}

/// Where the record of a run breaks off: the first and the last number of what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gap {
    first: i64,
    last: i64,
    /// How many events it has lost there, where that is known.
    lost: Option<usize>,
}

/// An event as it lies in the store.
struct RawEvent {
    seq: i64,
    run: i64,
    at: Time,
    data: String,
}

impl Source {
    fn open(layout: &Layout) -> Result<Source, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(layout.database(), flags)?;
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            Ok(connection)
        };
        let damaged = |source| StoreError::Database { path: layout.database(), source };
        let connection = open().map_err(damaged)?;
        // What a newer crew has recorded would be lost with what only it knows.
        let found = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(damaged)?;
        match database::SCHEMA {
            known if found > known => Err(StoreError::Newer { path: layout.database(), found, known }),
            _ => Ok(Source { connection, unread: 0 }),
        }
    }

    fn read_into(mut self, new: &mut Store) -> Result<Salvaged, StoreError> {
        let mut salvaged = Salvaged::default();
        let ids = self.rows("runs", "no", "id, ended_at", |row| {
            let (id, ended_at) = (row.get::<_, String>(1).ok()?, row.get::<_, Option<i64>>(2).ok()?);
            Some((row.get(0).ok()?, id, ended_at.map(Time)))
        });
        let Read { rows: events, holes } = self.rows("events", "seq", "run, at, data", |row| {
            let (seq, run, at, data) =
                (row.get(0).ok()?, row.get(1).ok()?, row.get(2).ok()?, row.get(3).ok()?);
            Some(RawEvent { seq, run, at: Time(at), data })
        });
        let mut of_run: BTreeMap<i64, Vec<RawEvent>> = BTreeMap::new();
        events.into_iter().for_each(|event| of_run.entry(event.run).or_default().push(event));
        for (number, id, ended_at) in ids.rows {
            let Some(id) = RunId::parse(&id) else { continue };
            let raw = of_run.remove(&number).unwrap_or_default();
            let gap = gap_in(&raw, self.numbers_of(number).as_deref(), &holes);
            let Replayed { run, events, mut why } = replay(&id, raw, gap);
            // One that lost some of its tasks would be carried out without them.
            let is_made =
                |run: &Run| why.is_none() || begins(&events) || self.has_tasks(number, run.tasks.len());
            let Some(run) = run.filter(is_made) else {
                salvaged.lost.push(id);
                continue;
            };
            let last = events.last().map_or(0, |(seq, ..)| *seq);
            if run.ended_at != ended_at {
                why = why.or_else(|| Some(format!("event {last}, behind which its end is missing")));
            } else if ended_at.is_some() && gap.is_some_and(|gap| gap.first > last && gap.lost.is_none()) {
                // It ended as its row says, and that it had anything behind that is not known.
                why = None;
            }
            new.put_back(number, &run, &events)?;
            salvaged.cut_short.extend(why.map(|why| (id.clone(), why)));
            salvaged.runs.push(id);
        }
        self.copy_the_rest(new).map_err(|source| new.failed(source))?;
        salvaged.unread = self.unread;
        Ok(salvaged)
    }

    /// Copies what follows from no event, as far as it can be read.
    fn copy_the_rest(&mut self, new: &Store) -> rusqlite::Result<()> {
        let stones = self.rows("tombstones", "no", "id, pruned_at, data", |row| {
            let (id, data) = (row.get::<_, String>(1).ok()?, row.get::<_, String>(3).ok()?);
            Some((row.get::<_, i64>(0).ok()?, id, row.get::<_, i64>(2).ok()?, data))
        });
        for (no, id, at, data) in stones.rows {
            let sql = "INSERT OR IGNORE INTO tombstones (no, id, pruned_at, data) VALUES (?, ?, ?, ?)";
            new.connection.execute(sql, params![no, id, at, data])?;
        }
        let figures = self.rows("pruned_figures", "no", "data", |row| {
            Some((row.get::<_, i64>(0).ok()?, row.get::<_, String>(1).ok()?))
        });
        for (no, data) in figures.rows {
            let sql = "INSERT OR IGNORE INTO pruned_figures (no, data) VALUES (?, ?)";
            new.connection.execute(sql, params![no, data])?;
        }
        let decisions =
            self.rows("finding_decisions", "seq", "run, at, fingerprint, decision, data", |row| {
                let (fingerprint, decision) = (row.get::<_, String>(3).ok()?, row.get::<_, String>(4).ok()?);
                let (run, data) = (row.get::<_, String>(1).ok()?, row.get::<_, String>(5).ok()?);
                Some((
                    row.get::<_, i64>(0).ok()?,
                    run,
                    row.get::<_, i64>(2).ok()?,
                    fingerprint,
                    decision,
                    data,
                ))
            });
        // Those of runs that are there follow from their events; those of pruned ones do not any more.
        for (seq, run, at, fingerprint, decision, data) in decisions.rows {
            let sql = "INSERT OR IGNORE INTO finding_decisions (seq, run, at, fingerprint, decision, data)
                       VALUES (?, ?, ?, ?, ?, ?)";
            new.connection.execute(sql, params![seq, run, at, fingerprint, decision, data])?;
        }
        // These have no number to go by: what comes after the first that cannot be read is given up. A request that is
        // forgotten is refused by its attempt, which has ended.
        let mut answers: Vec<(String, i64, String)> = Vec::new();
        if let Ok(mut statement) = self.connection.prepare("SELECT id, run, answer FROM requests")
            && let Ok(mut rows) = statement.query([])
        {
            while let Ok(Some(row)) = rows.next() {
                let read = || Some((row.get(0).ok()?, row.get(1).ok()?, row.get(2).ok()?));
                answers.extend(read());
            }
        }
        for (id, run, answer) in answers {
            let sql = "INSERT OR IGNORE INTO requests (id, run, answer)
                       SELECT ?1, no, ?3 FROM runs WHERE no = ?2";
            new.connection.execute(sql, params![id, run, answer])?;
        }
        // No number is given twice.
        let last = "INSERT INTO gate_numbers (no) SELECT max(no) FROM gates HAVING max(no) IS NOT NULL";
        new.connection.execute(last, [])?;
        let given = self.rows("gate_numbers", "no", "no", |row| row.get::<_, i64>(0).ok());
        if let Some(last) = given.rows.last() {
            new.connection.execute("INSERT OR IGNORE INTO gate_numbers (no) VALUES (?)", [last])?;
        }
        let sequences = self.rows("sqlite_sequence", "rowid", "name, seq", |row| {
            Some((row.get::<_, String>(1).ok()?, row.get::<_, i64>(2).ok()?))
        });
        for (name, seq) in sequences.rows {
            let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
            new.connection.execute(sql, params![name, seq])?;
        }
        Ok(())
    }

    /// Reads the rows of a table in the order of their numbers, and goes on behind what cannot be read.
    fn rows<T>(
        &mut self,
        table: &str,
        key: &str,
        columns: &str,
        mut take: impl FnMut(&Row<'_>) -> Option<T>,
    ) -> Read<T> {
        let (mut rows, mut holes, mut after) = (Vec::new(), Vec::new(), 0_i64);
        if !self.has(table) {
            return Read { rows, holes };
        }
        let sql = format!("SELECT {key}, {columns} FROM {table} WHERE {key} > ?1 ORDER BY {key}");
        loop {
            let mut walk = || -> rusqlite::Result<()> {
                let mut statement = self.connection.prepare(&sql)?;
                let mut found = statement.query([after])?;
                while let Some(row) = found.next()? {
                    after = row.get(0)?;
                    match take(row) {
                        Some(row) => rows.push(row),
                        None => {
                            self.unread += 1;
                            holes.push((after, after));
                        }
                    }
                }
                Ok(())
            };
            if walk().is_ok() {
                return Read { rows, holes };
            }
            let Some(next) = self.next_readable(table, key, after + 1) else {
                let last = self.last_given(table).max(after + 1);
                self.unread += (last - after) as u64;
                holes.push((after + 1, last));
                return Read { rows, holes };
            };
            self.unread += (next - after - 1).max(1) as u64;
            holes.push((after + 1, next - 1));
            after = next - 1;
        }
    }

    /// Tells whether there is a table; an older crew did not make all of them.
    fn has(&self, table: &str) -> bool {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
        self.connection.query_row(sql, [table], |row| row.get::<_, i64>(0)).is_ok_and(|count| count > 0)
    }

    /// Returns the numbers of all events that a run had, where the index of events can be read.
    fn numbers_of(&self, run: i64) -> Option<Vec<i64>> {
        let sql = "SELECT seq FROM events INDEXED BY events_of_run WHERE run = ? ORDER BY seq";
        let mut statement = self.connection.prepare_cached(sql).ok()?;
        let numbers = statement.query_map([run], |row| row.get(0)).ok()?;
        numbers.collect::<Result<_, _>>().ok()
    }

    /// Tells whether a run is known to have had so many tasks.
    fn has_tasks(&self, run: i64, tasks: usize) -> bool {
        let sql = "SELECT count(*) FROM tasks WHERE run = ?";
        self.connection.query_row(sql, [run], |row| row.get(0)).is_ok_and(|had: i64| had == tasks as i64)
    }

    /// Returns the last number that a table has given out, where that is known.
    fn last_given(&self, table: &str) -> i64 {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?";
        self.connection.query_row(sql, [table], |row| row.get(0)).unwrap_or_default()
    }

    /// Returns the number of the first row at or behind `from` that can be read; none where that is the end.
    fn next_readable(&self, table: &str, key: &str, from: i64) -> Option<i64> {
        let sql = format!("SELECT {key} FROM {table} WHERE {key} >= ?1 ORDER BY {key} LIMIT 1");
        // The first answer where there is one; the inner one is none behind the last row.
        let ask = |at: i64| -> Option<Option<i64>> {
            let mut statement = self.connection.prepare(&sql).ok()?;
            let mut rows = statement.query([at]).ok()?;
            match rows.next() {
                Ok(Some(row)) => row.get(0).ok().map(Some),
                Ok(None) => Some(None),
                Err(_) => None,
            }
        };
        // A table with more rows than that is none of ours.
        let steps = (0..40).map(|bit| from.saturating_add(1 << bit));
        let mut good = steps.into_iter().find(|at| ask(*at).is_some())?;
        let mut bad = from;
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            match ask(middle) {
                Some(_) => good = middle,
                None => bad = middle,
            }
        }
        ask(good)?
    }
}

/// A run as far as its events follow from each other.
#[derive(Default)]
struct Replayed {
    run: Option<Run>,
    events: Vec<(i64, Time, Event)>,
    /// Why not all of them do.
    why: Option<String>,
}

/// Tells whether anything happened to a run after it was made: it is made with all its tasks at once.
fn begins(events: &[(i64, Time, Event)]) -> bool {
    events.iter().any(|(.., event)| !matches!(event, Event::RunCreated { .. } | Event::TaskCreated { .. }))
}

/// Finds the first stretch of a run's events that is not there. `known` are the numbers of all that it had; without them it
/// may have had any that could not be read since it began.
fn gap_in(events: &[RawEvent], known: Option<&[i64]>, holes: &[(i64, i64)]) -> Option<Gap> {
    let begin = events.first()?.seq;
    let Some(known) = known else {
        let hole = holes.iter().find(|(_, last)| *last > begin);
        return hole.map(|(first, last)| Gap { first: *first, last: *last, lost: None });
    };
    let is_there = |seq: &i64| events.binary_search_by_key(seq, |event| event.seq).is_ok();
    let lost: Vec<i64> = known.iter().copied().filter(|seq| !is_there(seq)).collect();
    Some(Gap { first: *lost.first()?, last: *lost.last()?, lost: Some(lost.len()) })
}

/// Replays a run as far as its events follow from each other, and to where a gap is at most.
fn replay(id: &RunId, raw: Vec<RawEvent>, gap: Option<Gap>) -> Replayed {
    let mut replayed = Replayed::default();
    let mut raw = raw.into_iter().peekable();
    while let Some(RawEvent { seq, at, data, .. }) =
        raw.next_if(|event| gap.is_none_or(|gap| event.seq < gap.first))
    {
        let applied =
            serde_json::from_str::<Event>(&data).map_err(|error| error.to_string()).and_then(|event| {
                match &mut replayed.run {
                    None => Run::create(id.clone(), at, &event).map(|made| replayed.run = Some(made)),
                    Some(run) => run.apply(at, &event).map(drop),
                }
                .map_err(|error| error.to_string())?;
                Ok(event)
            });
        match applied {
            Ok(event) => replayed.events.push((seq, at, event)),
            Err(error) => {
                replayed.why =
                    Some(format!("event {seq}, which does not follow from what could be read: {error}"));
                return replayed;
            }
        }
    }
    replayed.why = gap.map(|gap| {
        let last = replayed.events.last().map_or(0, |(seq, ..)| *seq);
        let what = match gap.lost {
            Some(1) => format!("event {} could not be read", gap.first),
            Some(lost) => format!("{lost} events, {} to {}, could not be read", gap.first, gap.last),
            None => format!("events may be missing, {} to {}", gap.first, gap.last),
        };
        match raw.count() {
            0 => format!("event {last}; {what}"),
            behind => format!("event {last}; {what}, and {behind} behind the gap would not follow from it"),
        }
    });
    replayed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(numbers: &[i64]) -> Vec<RawEvent> {
        numbers.iter().map(|seq| RawEvent { seq: *seq, run: 1, at: Time(1), data: String::new() }).collect()
    }

    #[test]
    fn a_gap_is_what_a_run_is_known_to_have_had_or_else_what_it_may_have_had() {
        let read = events(&[3, 5, 9]);
        let known = |numbers: &[i64]| gap_in(&read, Some(numbers), &[(1, 99)]);
        assert_eq!(known(&[3, 5, 9]), None);
        assert_eq!(known(&[3, 5, 6, 8, 9]), Some(Gap { first: 6, last: 8, lost: Some(2) }));
        assert_eq!(known(&[3, 5, 9, 12]), Some(Gap { first: 12, last: 12, lost: Some(1) }));
        let unknown = |holes: &[(i64, i64)]| gap_in(&read, None, holes);
        assert_eq!(unknown(&[(1, 2)]), None, "it had not begun");
        assert_eq!(unknown(&[(1, 2), (6, 8)]), Some(Gap { first: 6, last: 8, lost: None }));
        assert_eq!(unknown(&[(10, 20)]), Some(Gap { first: 10, last: 20, lost: None }));
        assert_eq!(gap_in(&[], None, &[(1, 2)]), None);
    }
}
