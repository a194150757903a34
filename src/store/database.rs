//! The database: opening it, bringing an older one up to date, and appending to a run.

use super::StoreError;
use super::layout::Layout;
use super::lock::SIGN_AFTER;
use super::reviews::{self, Reviewing};
use crate::domain::event::{Event, Recorded};
use crate::domain::gate::GateId;
use crate::domain::id::RunId;
use crate::domain::redact::Redactor;
use crate::domain::run::{Run, Touched};
use crate::domain::task::{Attempt, Task};
use crate::domain::time::Time;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Only ever added to. The number of steps taken is kept in `user_version`.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_runs_and_events.sql"),
    include_str!("migrations/0002_gates.sql"),
    include_str!("migrations/0003_verifications.sql"),
    include_str!("migrations/0004_heartbeats.sql"),
    include_str!("migrations/0005_dead_letters.sql"),
    include_str!("migrations/0006_tombstones.sql"),
    include_str!("migrations/0007_back_offs.sql"),
    include_str!("migrations/0008_reviews.sql"),
    include_str!("migrations/0009_figures.sql"),
    include_str!("migrations/0010_imports.sql"),
    include_str!("migrations/0011_figures_of_days.sql"),
];

/// The version of the store that this crew writes.
pub const SCHEMA: i64 = MIGRATIONS.len() as i64;

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// A transaction that takes longer is worth a word.
const SLOW: Duration = Duration::from_millis(100);
/// How often it tries again meanwhile.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Tells a person that another process writes to the store all the time.
static ON_LONG_WAIT: OnceLock<fn()> = OnceLock::new();

/// Says what is done once a writer has to wait for a second or more. The first who says so is heard.
pub fn on_long_wait(tell: fn()) {
    let _ = ON_LONG_WAIT.set(tell);
}

thread_local! {
    /// Since when this thread waits, and whether that was told.
    static WAITS: Cell<(Option<Instant>, bool)> = const { Cell::new((None, false)) };
}

#[cfg(not(feature = "test-fakes"))]
fn busy_timeout() -> Duration {
    BUSY_TIMEOUT
}

/// The same, or as many milliseconds as a test says.
#[cfg(feature = "test-fakes")]
fn busy_timeout() -> Duration {
    let said = std::env::var("STORE_BUSY_MS").ok().and_then(|millis| millis.parse().ok());
    said.map_or(BUSY_TIMEOUT, Duration::from_millis)
}

/// Decides whether to wait on; SQLite asks with how often it did before, for the same lock.
pub(super) fn waits_on(before: i32) -> bool {
    WAITS.with(|waits| {
        if before == 0 {
            waits.set((None, false));
            tracing::debug!("another process writes to the store: waits");
        }
        let (began, told) = waits.get();
        let began = began.unwrap_or_else(Instant::now);
        let is_long = began.elapsed() >= SIGN_AFTER;
        if is_long && !told {
            tracing::warn!(
                ms = began.elapsed().as_millis() as u64,
                "another process writes to the store all the time"
            );
        }
        if is_long
            && !told
            && let Some(tell) = ON_LONG_WAIT.get()
        {
            tell();
        }
        waits.set((Some(began), told || is_long));
        std::thread::sleep(BETWEEN_TRIES);
        began.elapsed() < busy_timeout()
    })
}

/// An answer to a request, kept with what it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub request: String,
    pub answer: String,
}

/// The open store of a repository.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) layout: Layout,
    /// The file that commits go to first, once it was synced. SQLite holds no lock on it that closing it would drop.
    write_ahead_log: Option<File>,
    /// Which file it is, where it may be written.
    pub(super) file: Option<u64>,
}

/// Returns which file stands where a store has its place.
fn file_at(layout: &Layout) -> Option<u64> {
    std::fs::metadata(layout.database()).ok().map(|file| file.ino())
}

/// Tells whether another file takes a store's place, or has taken it.
fn is_replaced(layout: &Layout, file: Option<u64>) -> bool {
    let now = file_at(layout);
    layout.replacement().exists() || (file.is_some() && now.is_some() && file != now)
}

impl Store {
    /// Opens the store of a repository, making `.crew` where it is missing.
    pub fn open(layout: &Layout) -> Result<Store, StoreError> {
        prepare_folder(layout)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = Store::connect(layout, flags)?;
        let path = layout.database();
        store.migrate().map_err(|error| match error {
            StoreError::Database { source, .. } => StoreError::Database { path, source },
            other => other,
        })?;
        Ok(store)
    }

    /// Opens the store where there is one, to read it. A newer schema can be read as far as it is the same, and a store
    /// that may not be written is read as it lies there.
    pub fn open_existing(layout: &Layout) -> Result<Option<Store>, StoreError> {
        if !layout.database().exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut store = match Store::connect(layout, flags) {
            Ok(store) => store,
            Err(error) if error.is_read_only() => return Store::open_as_it_lies(layout).map(Some),
            Err(error) => return Err(error),
        };
        if store.version()? < MIGRATIONS.len() as i64 {
            store.migrate()?;
        }
        Ok(Some(store))
    }

    /// Opens the store where there is one, to look at it again and again: nothing is written, and nobody is waited for.
    pub(super) fn open_to_look(layout: &Layout) -> Result<Option<Store>, StoreError> {
        if !layout.database().exists() {
            return Ok(None);
        }
        Store::refuse_if_replaced(layout, None)?;
        let store = match Store::connect_to_look(layout) {
            Ok(store) if store.version()? < SCHEMA => {
                drop(store);
                // What is asked for is there once somebody has brought it up to date.
                Store::open_existing(layout)?;
                Store::connect_to_look(layout)
            }
            connected => connected,
        };
        match store {
            Ok(store) => Ok(Some(store)),
            Err(error) if error.is_read_only() => Store::open_as_it_lies(layout).map(Some),
            Err(error) => Err(error),
        }
    }

    fn connect_to_look(layout: &Layout) -> Result<Store, StoreError> {
        let path = layout.database();
        let wrap = |source| StoreError::Database { path: path.clone(), source };
        let file = file_at(layout);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(wrap)?;
        connection.busy_handler(None::<fn(i32) -> bool>).map_err(wrap)?;
        connection.set_prepared_statement_cache_capacity(64);
        let store = Store { connection, layout: layout.clone(), write_ahead_log: None, file };
        // Whether it can be read is only known once something is.
        store.version()?;
        Ok(store)
    }

    /// Opens a store that may not be written. What another process has not yet moved into the main file is not seen.
    fn open_as_it_lies(layout: &Layout) -> Result<Store, StoreError> {
        let path = layout.database();
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let name = path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let connection = Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)
            .map_err(|source| StoreError::Database { path, source })?;
        Ok(Store { connection, layout: layout.clone(), write_ahead_log: None, file: None })
    }

    fn connect(layout: &Layout, flags: OpenFlags) -> Result<Store, StoreError> {
        let path = layout.database();
        let wrap = |source| StoreError::Database { path: path.clone(), source };
        // Opening it would make a log beside it, which is taken away then.
        Store::refuse_if_replaced(layout, None)?;
        let before = file_at(layout);
        let mut connection = Connection::open_with_flags(&path, flags)
            .map_err(|source| why_not_opened(layout).unwrap_or_else(|| wrap(source)))?;
        connection.busy_handler(Some(waits_on)).map_err(wrap)?;
        let pragmas = "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL;";
        // While another process opens a new store too, SQLite refuses the first of them at once and does not wait.
        let deadline = Instant::now() + BUSY_TIMEOUT;
        while let Err(source) = connection.execute_batch(pragmas) {
            let is_busy = source.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
            if !is_busy || Instant::now() >= deadline {
                let error = wrap(source);
                return Err(if error.is_read_only() {
                    why_not_opened(layout).unwrap_or(error)
                } else {
                    error
                });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        connection.set_prepared_statement_cache_capacity(64);
        // The one that was opened is the one that was there before and is there now.
        Store::refuse_if_replaced(layout, before)?;
        let file = before.or_else(|| file_at(layout));
        Ok(Store { connection, layout: layout.clone(), write_ahead_log: None, file })
    }

    /// Returns the paths of the repository that it belongs to.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the number of the newest migration that the store has seen.
    pub fn version(&self) -> Result<i64, StoreError> {
        self.connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|source| self.failed(source))
    }

    /// Returns the number of the newest migration that this crew knows.
    pub fn known_version() -> i64 {
        MIGRATIONS.len() as i64
    }

    /// Asks SQLite to check itself, its indexes too, and whether rows refer to others that are there; returns what it found
    /// wrong.
    pub fn check_integrity(&self) -> Result<Vec<String>, StoreError> {
        let mut found = self.texts("PRAGMA integrity_check(8)", [])?;
        found.retain(|line| line != "ok");
        let sql = "SELECT DISTINCT \"table\" || ' refers to rows of ' || parent || ' that are not there'
                   FROM pragma_foreign_key_check";
        found.extend(self.texts(sql, [])?);
        Ok(found)
    }

    pub(super) fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Database { path: self.layout.database(), source }
    }

    fn texts(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare(sql).map_err(|source| self.failed(source))?;
        let rows = statement.query_map(parameters, |row| row.get(0)).map_err(|source| self.failed(source))?;
        rows.collect::<Result<_, _>>().map_err(|source| self.failed(source))
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let path = self.layout.database();
        let known = SCHEMA;
        let found = self.version()?;
        if found == known {
            return Ok(());
        }
        if found > known {
            return Err(StoreError::Newer { path, found, known });
        }
        let wrap = |source| StoreError::Database { path: path.clone(), source };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrap)?;
        // Another process may have been faster.
        let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(wrap)?;
        tracing::info!(from = found, to = known, store = %path.display(), "brings the store up to date");
        for (step, sql) in MIGRATIONS.iter().enumerate().skip(found.max(0) as usize) {
            transaction.execute_batch(sql).map_err(wrap)?;
            transaction.pragma_update(None, "user_version", step as i64 + 1).map_err(wrap)?;
        }
        transaction.commit().map_err(wrap)
    }

    /// Makes a run from its first events, all or nothing.
    pub fn create_run(
        &mut self,
        id: RunId,
        at: Time,
        events: Vec<Event>,
    ) -> Result<(Run, Vec<Recorded>), StoreError> {
        let mut events = events.into_iter();
        let Some(first) = events.next() else {
            return Err(StoreError::UnreadableEvent { seq: 0, why: "a run begins with an event".into() });
        };
        let mut run = Run::create(id, at, &first)?;
        let mut batch = vec![Applied { at, event: first, touched: Touched::Nothing }];
        for event in events {
            batch.push(Applied::to(&mut run, at, event)?);
        }
        let recorded = self.write(&mut run, batch, &[], true)?;
        self.sync()?;
        Ok((run, recorded))
    }

    /// Appends what has happened to a run and brings its tables up to date, all or nothing.
    ///
    /// What ends something has to be followed by `sync` before anybody is told of it. After an error `run` is ahead of
    /// the store and has to be loaded again. The caller holds the run's lock; where somebody has written all the same,
    /// this is refused as stale.
    pub fn append(
        &mut self,
        run: &mut Run,
        batch: Vec<Applied>,
        answered: &[Answered],
    ) -> Result<Vec<Recorded>, StoreError> {
        self.write(run, batch, answered, false)
    }

    /// Applies one event to the run, and returns when it is on the disk.
    pub fn record(&mut self, run: &mut Run, at: Time, event: Event) -> Result<(), StoreError> {
        let applied = Applied::to(run, at, event)?;
        self.append(run, vec![applied], &[])?;
        self.sync()
    }

    fn write(
        &mut self,
        run: &mut Run,
        batch: Vec<Applied>,
        answered: &[Answered],
        create: bool,
    ) -> Result<Vec<Recorded>, StoreError> {
        let (began, count) = (Instant::now(), batch.len());
        let written = self.write_batch(run, batch, answered, create).map_err(|source| self.failed(source))?;
        let recorded = written?;
        let (took, last) = (began.elapsed(), recorded.last().map_or(run.last_seq, |newest| newest.seq));
        let ms = took.as_millis() as u64;
        match took >= SLOW {
            true => tracing::warn!(run = %run.id, events = count, last_seq = last, ms, "a slow transaction"),
            false => tracing::debug!(run = %run.id, events = count, last_seq = last, ms, "a transaction"),
        }
        if let Some(newest) = recorded.last() {
            run.last_seq = newest.seq;
        }
        Ok(recorded)
    }

    /// Refuses to write what nobody would read. Asked within a transaction: whoever replaces the store waits for its end.
    pub(super) fn refuse_if_replaced(layout: &Layout, file: Option<u64>) -> Result<(), StoreError> {
        match is_replaced(layout, file) {
            true => Err(StoreError::Replaced { path: layout.database() }),
            false => Ok(()),
        }
    }

    /// Writes it all, or nothing: the inner error where the run in the store is newer than the one that was decided about,
    /// or another store takes this one's place.
    fn write_batch(
        &mut self,
        run: &Run,
        batch: Vec<Applied>,
        answered: &[Answered],
        create: bool,
    ) -> rusqlite::Result<Result<Vec<Recorded>, StoreError>> {
        // It excludes other writers from here on, so what is looked up stays true.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Err(replaced) = Store::refuse_if_replaced(&self.layout, self.file) {
            return Ok(Err(replaced));
        }
        let mut writer = Writer::new(&transaction, run);
        if create {
            writer.create()?;
            if let Some(first) = reviews::taken(&writer.reviewing())? {
                return Ok(Err(StoreError::ReviewTaken { run: first }));
            }
        } else if !writer.find()? {
            return Ok(Err(StoreError::Stale { run: run.id.clone() }));
        }
        let recorded = writer.append(batch)?;
        for Answered { request, answer } in answered {
            writer.keep_answer(request, answer)?;
        }
        transaction.commit()?;
        Ok(Ok(recorded))
    }

    /// Puts a run back with the numbers that it and its events had, and derives its tables anew, all or nothing.
    pub(super) fn put_back(
        &mut self,
        number: i64,
        run: &Run,
        events: &[(i64, Time, Event)],
    ) -> Result<(), StoreError> {
        let path = self.layout.database();
        let wrap = |source| StoreError::Database { path: path.clone(), source };
        let put = |transaction: &Transaction<'_>| -> rusqlite::Result<()> {
            let sql = "INSERT INTO runs (no, id, goal, team, workflow, created_at, started) VALUES (?, ?, ?, ?, ?, ?, 0)";
            let Run { id, goal, team, workflow, created_at, .. } = run;
            transaction.execute(sql, params![number, id.as_str(), goal, team, workflow, created_at.0])?;
            let writer = Writer { transaction, number, run };
            for (seq, at, event) in events {
                let data = serde_json::to_string(event)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let sql = "INSERT INTO events (seq, run, at, kind, data) VALUES (?, ?, ?, ?, ?)";
                let values = params![seq, number, at.0, event.kind(), data];
                transaction.prepare_cached(sql)?.execute(values)?;
                match event {
                    Event::ArtifactKept { .. } => writer.keep_artifact(*at, event)?,
                    Event::GateOpened { gate, .. } | Event::GateDecided { gate, .. } => {
                        writer.put_gate(*gate)?
                    }
                    Event::FindingDecided { .. } => {
                        reviews::keep_decision(transaction, run, (*seq, *at), event)?
                    }
                    _ => {}
                }
            }
            for (place, task) in run.tasks.iter().enumerate() {
                writer.put_task(place)?;
                reviews::put(&writer.reviewing(), place)?;
                task.attempts.iter().try_for_each(|attempt| writer.put_attempt(place, attempt.number))?;
            }
            writer.put_run()
        };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(wrap)?;
        put(&transaction).map_err(wrap)?;
        transaction.commit().map_err(wrap)
    }

    /// Closes the store as one whole file, which is on the disk when this returns.
    pub(super) fn close_whole(self) -> Result<(), StoreError> {
        let path = self.layout.database();
        let wrap = |source| StoreError::Database { path: path.clone(), source };
        self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(wrap)?;
        self.connection.close().map_err(|(_, source)| wrap(source))?;
        File::open(&path).and_then(|file| file.sync_all()).map_err(StoreError::file(&path))
    }

    /// Returns when all that was appended is on the disk, whatever happens to the power.
    ///
    /// A commit alone outlives our own death. What ends something is synced before anybody is told of it; the sync
    /// stands apart from the commit so that the next children start meanwhile.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let path = self.layout.database().with_file_name("crew.db-wal");
        let log = match self.write_ahead_log.take() {
            Some(log) => log,
            None => File::open(&path).map_err(StoreError::file(&path))?,
        };
        let began = Instant::now();
        log.sync_data().map_err(StoreError::file(&path))?;
        tracing::debug!(ms = began.elapsed().as_millis() as u64, "synced");
        self.write_ahead_log = Some(log);
        Ok(())
    }
}

/// An event that has been applied to the run in memory, and waits to be written.
#[derive(Clone, Debug)]
pub struct Applied {
    pub(super) at: Time,
    pub(super) event: Event,
    pub(super) touched: Touched,
}

impl Applied {
    /// Applies an event to the run. No other way leads into a run that is there, so what others said is made safe here
    /// once more: secrets whose values are known have been taken out before.
    pub fn to(run: &mut Run, at: Time, event: Event) -> Result<Applied, StoreError> {
        let event = event.made_safe(&Redactor::default());
        let touched = run.apply(at, &event)?;
        Ok(Applied { at, event, touched })
    }

    pub fn event(&self) -> &Event {
        &self.event
    }
}

/// Asks the system why a store cannot be opened for writing: SQLite only says that it cannot.
fn why_not_opened(layout: &Layout) -> Option<StoreError> {
    tempfile::tempfile_in(layout.root()).err().map(StoreError::file(layout.root()))
}

/// Makes `.crew`, which ignores itself until `crew init` says what is to be tracked.
pub fn prepare_folder(layout: &Layout) -> Result<(), StoreError> {
    std::fs::create_dir_all(layout.runs()).map_err(StoreError::file(layout.runs()))?;
    let ignore = layout.gitignore();
    if !ignore.exists() {
        super::atomic_file::write(&ignore, IGNORE_ALL.as_bytes())?;
    }
    Ok(())
}

/// What `.crew/.gitignore` says before `crew init`: a run leaves no trace in `git status`.
pub const IGNORE_ALL: &str =
    "# written by crew; `crew init` replaces it, so that agents, teams and workflows are tracked\n*\n";

/// One transaction on one run.
pub(super) struct Writer<'a> {
    transaction: &'a Transaction<'a>,
    /// The run's number in the tables.
    number: i64,
    run: &'a Run,
}

impl<'a> Writer<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>, run: &'a Run) -> Writer<'a> {
        Writer { transaction, number: 0, run }
    }

    fn reviewing(&self) -> Reviewing<'_> {
        Reviewing { transaction: self.transaction, number: self.number, run: self.run }
    }

    pub(super) fn create(&mut self) -> rusqlite::Result<()> {
        let sql =
            "INSERT INTO runs (id, goal, team, workflow, created_at, started) VALUES (?, ?, ?, ?, ?, 0)";
        let Run { id, goal, team, workflow, created_at, .. } = self.run;
        let values = params![id.as_str(), goal, team, workflow, created_at.0];
        self.transaction.prepare_cached(sql)?.execute(values)?;
        self.number = self.transaction.last_insert_rowid();
        Ok(())
    }

    /// Finds the run, and tells whether the store holds nothing newer of it.
    fn find(&mut self) -> rusqlite::Result<bool> {
        let sql =
            "SELECT no, (SELECT coalesce(max(seq), 0) FROM events WHERE run = no) FROM runs WHERE id = ?";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let (number, last_seq) =
            statement.query_row([self.run.id.as_str()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
        self.number = number;
        Ok(last_seq == self.run.last_seq)
    }

    pub(super) fn append(&mut self, batch: Vec<Applied>) -> rusqlite::Result<Vec<Recorded>> {
        let mut tasks = BTreeSet::new();
        let mut attempts = BTreeSet::new();
        let mut run_touched = false;
        let mut recorded = Vec::with_capacity(batch.len());
        for Applied { at, event, touched } in batch {
            match touched {
                Touched::Nothing => {}
                Touched::Run => run_touched = true,
                Touched::Tasks => tasks.extend(0..self.run.tasks.len()),
                Touched::Task(place) => {
                    tasks.insert(place);
                }
                Touched::TaskAndAttempt(place, number) => {
                    tasks.insert(place);
                    attempts.insert((place, number));
                }
            }
            let seq = self.insert_event(at, &event)?;
            match &event {
                Event::ArtifactKept { .. } => self.keep_artifact(at, &event)?,
                Event::GateOpened { gate, .. } | Event::GateDecided { gate, .. } => self.put_gate(*gate)?,
                Event::FindingDecided { .. } => {
                    reviews::keep_decision(self.transaction, self.run, (seq, at), &event)?
                }
                Event::ClockJumped { .. } => {
                    self.run.open_gates().try_for_each(|gate| self.put_gate(gate.id))?
                }
                _ => {}
            }
            recorded.push(Recorded { seq, run: self.run.id.clone(), at, event });
        }
        for place in tasks {
            self.put_task(place)?;
            reviews::put(&self.reviewing(), place)?;
        }
        attempts.into_iter().try_for_each(|(place, number)| self.put_attempt(place, number))?;
        if run_touched {
            self.put_run()?;
        }
        Ok(recorded)
    }

    fn insert_event(&self, at: Time, event: &Event) -> rusqlite::Result<i64> {
        let data = serde_json::to_string(event)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let sql = "INSERT INTO events (run, at, kind, data) VALUES (?, ?, ?, ?)";
        self.transaction.prepare_cached(sql)?.execute(params![self.number, at.0, event.kind(), data])?;
        Ok(self.transaction.last_insert_rowid())
    }

    fn put_run(&self) -> rusqlite::Result<()> {
        let sql = "UPDATE runs SET ended_at = ?, started = ? WHERE no = ?";
        let ended = self.run.ended_at.map(|at| at.0);
        self.transaction.prepare_cached(sql)?.execute(params![
            ended,
            self.run.dispatcher.is_some(),
            self.number
        ])?;
        Ok(())
    }

    fn put_task(&self, place: usize) -> rusqlite::Result<()> {
        let sql = "INSERT INTO tasks (run, place, id, role, program, state, lenient, reason, version)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                   ON CONFLICT (run, place) DO UPDATE SET program = ?5, state = ?6, reason = ?8, version = ?9";
        let Task { spec, state, reason, version, .. } = &self.run.tasks[place];
        self.transaction.prepare_cached(sql)?.execute(params![
            self.number,
            place as i64,
            spec.id.as_str(),
            spec.role(),
            spec.program(),
            state.name(),
            spec.continue_on_error,
            reason,
            *version as i64,
        ])?;
        Ok(())
    }

    fn put_attempt(&self, place: usize, number: u32) -> rusqlite::Result<()> {
        let attempt = &self.run.tasks[place].attempts[number as usize - 1];
        let sql =
            "INSERT INTO attempts (run, place, number, state, agent, model, token_hash, pid, log, started_at,
                       ended_at, error_kind, reason, summary, exit, signal, tokens, cost_usd)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
                   ON CONFLICT (run, place, number) DO UPDATE SET state = ?4, pid = ?8, ended_at = ?11,
                       error_kind = ?12, reason = ?13, summary = ?14, exit = ?15, signal = ?16, tokens = ?17,
                       cost_usd = ?18";
        let Attempt { number, state, agent, model, token_hash, process, log, started_at, ended_at, .. } =
            attempt;
        self.transaction.prepare_cached(sql)?.execute(params![
            self.number,
            place as i64,
            number,
            state.name(),
            agent,
            model,
            token_hash,
            process.as_ref().map(|process| process.pid),
            log,
            started_at.0,
            ended_at.map(|at| at.0),
            attempt.error_kind.map(|kind| kind.name()),
            attempt.reason,
            attempt.summary,
            attempt.ending.exit,
            attempt.ending.signal,
            attempt.usage.tokens().map(|tokens| tokens as i64),
            attempt.usage.cost_usd,
        ])?;
        Ok(())
    }

    fn keep_artifact(&self, at: Time, event: &Event) -> rusqlite::Result<()> {
        let Event::ArtifactKept { task, artifact, path, bytes, sha256, .. } = event else { return Ok(()) };
        let sql = "INSERT INTO artifacts (run, path, kind, task, at, bytes, sha256) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                   ON CONFLICT (run, path) DO UPDATE SET at = ?5, bytes = ?6, sha256 = ?7";
        let task = task.as_ref().map(|task| task.as_str());
        let values = params![self.number, path, artifact.name(), task, at.0, *bytes as i64, sha256];
        self.transaction.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    fn put_gate(&self, id: GateId) -> rusqlite::Result<()> {
        let Some(gate) = self.run.gate(id) else { return Ok(()) };
        let sql = "INSERT INTO gates (no, run, task, about, opened_at, expires_at, decision, decided_by, decided_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                   ON CONFLICT (no) DO UPDATE SET expires_at = ?6, decision = ?7, decided_by = ?8, decided_at = ?9";
        let decided = gate.decided.as_ref();
        self.transaction.prepare_cached(sql)?.execute(params![
            id.0 as i64,
            self.number,
            gate.task.as_str(),
            gate.about.name(),
            gate.opened_at.0,
            gate.expires_at.map(|at| at.0),
            decided.map(|decided| decided.decision.name()),
            decided.map(|decided| decided.by.as_str()),
            decided.map(|decided| decided.at.0),
        ])?;
        Ok(())
    }

    fn keep_answer(&self, request: &str, answer: &str) -> rusqlite::Result<()> {
        let sql = "INSERT OR IGNORE INTO requests (id, run, answer) VALUES (?, ?, ?)";
        self.transaction.prepare_cached(sql)?.execute(params![request, self.number, answer])?;
        Ok(())
    }
}

impl Store {
    /// Gives out the number of a gate; none is given twice, whatever becomes of it.
    pub fn new_gate(&mut self) -> Result<GateId, StoreError> {
        let sql = "INSERT INTO gate_numbers DEFAULT VALUES";
        self.connection.execute(sql, []).map_err(|source| self.failed(source))?;
        Ok(GateId(self.connection.last_insert_rowid() as u64))
    }

    /// Returns the answer that a request was given before.
    pub fn answer_to(&self, request: &str) -> Result<Option<String>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT answer FROM requests WHERE id = ?")
            .map_err(|source| self.failed(source))?;
        statement.query_row([request], |row| row.get(0)).optional().map_err(|source| self.failed(source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::tests::{run_created, spec, started};

    fn created() -> Vec<Event> {
        let created = run_created();
        vec![
            created,
            Event::TaskCreated { spec: spec("a", &[]) },
            Event::TaskCreated { spec: spec("b", &[]) },
        ]
    }

    fn store_with_run(folder: &tempfile::TempDir) -> (Store, Run) {
        let mut store = Store::open(&Layout::of(folder.path())).unwrap();
        let (run, _) = store.create_run(RunId::from_random(1), Time(1), created()).unwrap();
        (store, run)
    }

    fn start(store: &mut Store, run: &mut Run, task: &str) -> Result<Vec<Recorded>, StoreError> {
        let applied = Applied::to(run, Time(2), started(task, 1))?;
        let answered = Answered { request: format!("for-{task}"), answer: "yes".into() };
        store.append(run, vec![applied], &[answered])
    }

    /// All that is stored of runs, as text.
    fn dump(store: &Store) -> Vec<String> {
        let tables = ["runs", "events", "tasks", "attempts", "artifacts", "requests"];
        let rows = |table: &str| {
            let names = store.texts("SELECT name FROM pragma_table_info(?)", [table]).unwrap().join(", ");
            store.texts(&format!("SELECT json_array({names}) FROM {table}"), []).unwrap()
        };
        tables.into_iter().flat_map(rows).collect()
    }

    #[test]
    fn what_was_decided_on_an_old_state_is_refused_and_nothing_of_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (mut first, mut run) = store_with_run(&folder);
        let mut second = Store::open(&Layout::of(folder.path())).unwrap();
        let mut other = second.load_run(&run.id).unwrap().unwrap();
        start(&mut first, &mut run, "a").unwrap();
        let before = dump(&first);
        // Even what touches another task: who has not seen the start of `a` does not know how many run.
        let stale = start(&mut second, &mut other, "b").unwrap_err();
        assert!(matches!(stale, StoreError::Stale { .. }), "{stale}");
        assert_eq!(dump(&first), before);
        let mut fresh = second.load_run(&run.id).unwrap().unwrap();
        start(&mut second, &mut fresh, "b").unwrap();
        assert_eq!(fresh.last_seq, run.last_seq + 1);
        assert!(matches!(start(&mut first, &mut run, "b"), Err(StoreError::Stale { .. })));
    }

    #[test]
    fn nobody_writes_to_a_store_that_another_one_replaces() {
        use crate::store::salvage::{HeldBy, hold};
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path());
        let (mut waiting, mut run) = store_with_run(&folder);
        waiting.connection.busy_timeout(Duration::from_millis(20)).unwrap();
        let held = hold(&layout, Duration::ZERO).unwrap().ok().expect("nobody is at work");
        assert!(matches!(hold(&layout, Duration::ZERO).unwrap(), Err(HeldBy::Another)));
        assert!(start(&mut waiting, &mut run, "a").unwrap_err().is_busy());
        assert!(held.is_whole());
        held.salvage(Time(3)).unwrap().expect("it is made anew");
        // Who had it open writes nowhere; who opens it anew reads what was there.
        let mut run = waiting.load_run(&run.id).unwrap().unwrap();
        let refused = start(&mut waiting, &mut run, "a").unwrap_err();
        assert!(matches!(refused, StoreError::Replaced { .. }), "{refused}");
        let mut store = Store::open(&layout).unwrap();
        let mut run = store.load_run(&run.id).unwrap().unwrap();
        start(&mut store, &mut run, "a").unwrap();
        drop(store);
        // Where whoever replaces it was killed, nothing is read or written until that is finished.
        std::fs::copy(layout.database(), layout.replacement()).unwrap();
        assert!(matches!(Store::open_existing(&layout).unwrap_err(), StoreError::Replaced { .. }));
        let held = hold(&layout, Duration::ZERO).unwrap().ok().expect("nobody is at work");
        assert!(!held.is_whole() && held.salvage(Time(4)).unwrap().is_none());
        assert!(Store::open_existing(&layout).unwrap().unwrap().load_run(&run.id).unwrap().is_some());
    }

    #[test]
    fn who_writes_one_batch_after_the_other_is_never_stale() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, mut run) = store_with_run(&folder);
        start(&mut store, &mut run, "a").unwrap();
        store.append(&mut run, vec![], &[]).unwrap();
        // Another run has nothing to do with it.
        store.create_run(RunId::from_random(2), Time(1), created()).unwrap();
        start(&mut store, &mut run, "b").unwrap();
        assert_eq!(store.last_seq(&run.id).unwrap(), run.last_seq);
    }

    #[test]
    fn a_store_that_somebody_else_writes_to_for_too_long_is_busy_and_nothing_is_half_done() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, mut run) = store_with_run(&folder);
        let mut other = Connection::open(Layout::of(folder.path()).database()).unwrap();
        let writing = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        store.connection.busy_timeout(Duration::from_millis(20)).unwrap();
        let before = dump(&store);
        let busy = start(&mut store, &mut run, "a").unwrap_err();
        assert!(busy.is_busy() && !busy.is_disk_full(), "{busy}");
        drop(writing);
        assert_eq!(dump(&store), before);
        let mut run = store.load_run(&run.id).unwrap().unwrap();
        start(&mut store, &mut run, "a").unwrap();
    }
}
