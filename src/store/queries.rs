//! What the commands ask of the store.

use super::StoreError;
use super::database::Store;
use super::layout::RunPaths;
use super::lock;
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Event, Recorded};
use crate::domain::gate::GateId;
use crate::domain::id::RunId;
use crate::domain::run::{Counts, Ended, Run, RunStatus};
use crate::domain::task::TaskState;
use crate::domain::time::Time;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// A run as a list shows it.
#[derive(Clone, Debug)]
pub struct RunRow {
    pub id: RunId,
    pub goal: String,
    pub team: String,
    pub workflow: String,
    pub created_at: Time,
    pub ended_at: Option<Time>,
    pub started: bool,
    /// When it ended, tasks were left that could have gone on.
    pub stopped: bool,
    pub counts: Counts,
}

/// An artifact as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactRow {
    /// Relative to the run's `artifacts` folder.
    pub path: String,
    pub kind: String,
    pub task: Option<String>,
    pub at: Time,
    pub bytes: u64,
    pub sha256: String,
}

/// Where the clock was set back while runs were at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockJumps {
    /// The latest time that any event says.
    pub newest: Option<Time>,
    /// How often it went back by more than a second.
    pub count: usize,
    /// By how much at most, and in which run.
    pub largest: Option<(RunId, Duration)>,
}

impl RunRow {
    /// Derives where the run stands; `owned` tells whether a dispatcher lives.
    pub fn status(&self, owned: bool) -> RunStatus {
        let ended = match self.ended_at {
            None => Ended::No,
            Some(_) if self.stopped => Ended::Stopped,
            Some(_) => Ended::Done,
        };
        self.counts.status(owned, self.started, ended)
    }

    /// Tells whether somebody has to look for an owner before the status is known.
    pub fn is_open(&self) -> bool {
        self.counts.of(TaskState::Queued) + self.counts.of(TaskState::Running) > 0
    }
}

/// As the index says it, so that SQLite sees that they are the same.
const OF_DEAD_LETTERS: &str = "kind IN
    ('task_dead_lettered', 'dead_letter_dropped', 'dead_letters_piled_up', 'task_requeued', 'task_accepted')";

/// As the index says it.
const OF_OPEN_TASKS: &str = "state IN ('queued', 'running', 'awaiting_input')";

impl Store {
    /// Returns the newest runs, newest first, at most `limit`.
    pub fn runs(&self, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        let sql = "SELECT no, id, goal, team, workflow, created_at, ended_at, started FROM runs
                   ORDER BY no DESC LIMIT ?";
        self.run_rows(sql, [limit as i64])
    }

    /// Returns the runs that have tasks which are not settled, oldest first.
    pub fn open_runs(&self) -> Result<Vec<RunRow>, StoreError> {
        let sql = format!(
            "SELECT no, id, goal, team, workflow, created_at, ended_at, started FROM runs
             WHERE no IN (SELECT run FROM tasks WHERE {OF_OPEN_TASKS}) ORDER BY no"
        );
        self.run_rows(&sql, [])
    }

    /// Returns how many tasks are in each state that is not settled.
    pub fn open_tasks(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = format!("SELECT state, count(*) FROM tasks WHERE {OF_OPEN_TASKS} GROUP BY state");
        self.rows(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Returns how many gates are open, by what they are about.
    pub fn open_gates(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT about, count(*) FROM gates WHERE decision IS NULL GROUP BY about";
        self.rows(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn run_rows(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<RunRow>, StoreError> {
        let rows = self.rows(sql, parameters, |row| Ok((row.get::<_, i64>(0)?, run_row(row)?)))?;
        let with_counts = |(no, row): (i64, RunRow)| {
            let counts = self.counts(no)?;
            // Asked only where it makes a difference: few runs have ended and have tasks that are queued.
            let is_asked = row.ended_at.is_some() && counts.of(TaskState::Queued) > 0;
            Ok(RunRow { stopped: is_asked && self.was_stopped(no)?, counts, ..row })
        };
        rows.into_iter().map(with_counts).collect()
    }

    /// Tells whether the last owner of a run left tasks that could have gone on. What cannot be read says that it did.
    fn was_stopped(&self, run_number: i64) -> Result<bool, StoreError> {
        let sql = "SELECT data FROM events WHERE run = ? AND kind = 'run_ended' ORDER BY seq DESC LIMIT 1";
        let found = self.rows(sql, [run_number], |row| row.get::<_, String>(0))?;
        let state = found.first().and_then(|data| match serde_json::from_str(data) {
            Ok(Event::RunEnded { state }) => Some(state),
            _ => None,
        });
        Ok(state.is_none_or(|state| state == RunStatus::Interrupted))
    }

    /// Returns the runs that were made since then, the oldest first.
    pub fn runs_since(&self, since: Time) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM runs WHERE created_at >= ? ORDER BY no";
        let ids = self.rows(sql, [since.0], |row| row.get::<_, String>(0))?;
        Ok(ids.iter().filter_map(|id| RunId::parse(id)).collect())
    }

    /// Returns how many runs there are.
    pub fn run_count(&self) -> Result<usize, StoreError> {
        let count: i64 = self.one("SELECT count(*) FROM runs", [], |row| row.get(0))?;
        Ok(count as usize)
    }

    /// Returns the runs whose id begins with `prefix`.
    pub fn runs_named(&self, prefix: &str) -> Result<Vec<RunId>, StoreError> {
        // Ids have no characters above `z`.
        let sql = "SELECT id FROM runs WHERE id >= ?1 AND id < ?1 || '{' ORDER BY id LIMIT 20";
        let ids = self.rows(sql, [prefix], |row| row.get::<_, String>(0))?;
        Ok(ids.iter().filter_map(|id| RunId::parse(id)).collect())
    }

    /// Returns a run's id as short as it is unique here.
    pub fn short(&self, run: &RunId) -> Result<String, StoreError> {
        let before = "SELECT id FROM runs WHERE id < ? ORDER BY id DESC LIMIT 1";
        let after = "SELECT id FROM runs WHERE id > ? ORDER BY id LIMIT 1";
        let mut neighbours = Vec::new();
        for sql in [before, after] {
            let found = self.rows(sql, [run.as_str()], |row| row.get::<_, String>(0))?;
            neighbours.extend(found.iter().filter_map(|id| RunId::parse(id)));
        }
        neighbours.extend(self.pruned_beside(run)?);
        Ok(run.as_str()[..run.shown_length(neighbours)].to_owned())
    }

    /// Loads a run by replaying its events.
    pub fn load_run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let mut run = None;
        self.replay(id, &mut run)?;
        Ok(run)
    }

    /// Loads a run as far as its events can be read and follow from each other. What is behind them counts as known, so that
    /// the record can be put away, and nothing else.
    pub fn load_readable(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        let mut run = None;
        match self.replay(id, &mut run) {
            Ok(()) | Err(StoreError::UnreadableEvent { .. } | StoreError::Illegal(_)) => {}
            Err(error) => return Err(error),
        }
        if let Some(run) = &mut run {
            run.last_seq = self.last_seq(id)?;
        }
        Ok(run)
    }

    fn replay(&self, id: &RunId, run: &mut Option<Run>) -> Result<(), StoreError> {
        self.each_event(id, 0, usize::MAX, |Recorded { seq, at, event, .. }| {
            match run {
                None => *run = Some(Run::create(id.clone(), at, &event)?),
                Some(run) => {
                    run.apply(at, &event)?;
                }
            }
            if let Some(run) = run {
                run.last_seq = seq;
            }
            Ok(())
        })
    }

    /// Returns the events of a run as they lie in the store, a line of JSON each.
    pub fn raw_events(&self, id: &RunId) -> Result<String, StoreError> {
        let sql = "SELECT seq, at, kind, data FROM events WHERE run = (SELECT no FROM runs WHERE id = ?) ORDER BY seq";
        let lines = self.rows(sql, [id.as_str()], |row| {
            let (seq, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (kind, data): (String, String) = (row.get(2)?, row.get(3)?);
            Ok(format!("{}\n", json!({"seq": seq, "at": at, "kind": kind, "data": data})))
        })?;
        Ok(lines.concat())
    }

    /// Returns the events of a run after `since`, oldest first, at most `limit`.
    pub fn events(&self, run: &RunId, since: i64, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let mut events = Vec::new();
        self.each_event(run, since, limit, |event| {
            events.push(event);
            Ok(())
        })?;
        Ok(events)
    }

    /// Returns the number of the newest event of a run.
    pub fn last_seq(&self, run: &RunId) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM events WHERE run = (SELECT no FROM runs WHERE id = ?)";
        self.one(sql, [run.as_str()], |row| row.get(0))
    }

    /// Hands on one event after the other, so that a long run is never held twice.
    pub fn each_event(
        &self,
        run: &RunId,
        since: i64,
        limit: usize,
        take: impl FnMut(Recorded) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.each_event_like(run, (since, limit), |_| true, take)
    }

    /// Does the same with those events alone whose JSON is wanted; the others are not read further.
    pub fn each_event_like(
        &self,
        run: &RunId,
        (since, limit): (i64, usize),
        wanted: impl Fn(&str) -> bool,
        mut take: impl FnMut(Recorded) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let sql =
            "SELECT seq, at, data FROM events WHERE run = (SELECT no FROM runs WHERE id = ?) AND seq > ?
                   ORDER BY seq LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(sql).map_err(|source| self.failed(source))?;
        let mut rows =
            statement.query(params![run.as_str(), since, limit]).map_err(|source| self.failed(source))?;
        while let Some(row) = rows.next().map_err(|source| self.failed(source))? {
            let read = || Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, String>(2)?));
            let (seq, at, data) = read().map_err(|source| self.failed(source))?;
            if !wanted(&data) {
                continue;
            }
            let event: Event = serde_json::from_str(&data)
                .map_err(|error| StoreError::UnreadableEvent { seq, why: why_unreadable(&error) })?;
            take(Recorded { seq, run: run.clone(), at: Time(at), event })?;
        }
        Ok(())
    }

    /// Looks for events that say an earlier time than the one before them.
    pub fn clock_jumps(&self) -> Result<ClockJumps, StoreError> {
        let newest = self.one("SELECT max(at) FROM events", [], |row| row.get::<_, Option<i64>>(0))?;
        let sql = "WITH steps AS (SELECT run, at - lag(at) OVER (PARTITION BY run ORDER BY seq) AS step FROM events)
                   SELECT runs.id, step, count(*) OVER () FROM steps JOIN runs ON runs.no = steps.run
                   WHERE step < -1000 ORDER BY step LIMIT 1";
        let found = self.rows(sql, [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        })?;
        let first = found.first();
        let largest = first.and_then(|(run, step, _)| {
            Some((RunId::parse(run)?, Duration::from_millis(step.unsigned_abs())))
        });
        let count = first.map_or(0, |(.., count)| *count as usize);
        Ok(ClockJumps { newest: newest.map(Time), count, largest })
    }

    /// Returns the run that a gate belongs to.
    pub fn run_of_gate(&self, gate: GateId) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT runs.id FROM gates JOIN runs ON runs.no = gates.run WHERE gates.no = ?";
        let found = self.rows(sql, [gate.0 as i64], |row| row.get::<_, String>(0))?;
        Ok(found.first().and_then(|id| RunId::parse(id)))
    }

    /// Returns the runs that have gates, or with `open` open ones, newest first, at most `limit`.
    pub fn runs_with_gates(&self, open: bool, limit: usize) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM runs WHERE no IN (SELECT run FROM gates WHERE ?1 = 0 OR decision IS NULL)
                   ORDER BY no DESC LIMIT ?2";
        let ids = self.rows(sql, params![open, limit as i64], |row| row.get::<_, String>(0))?;
        Ok(ids.iter().filter_map(|id| RunId::parse(id)).collect())
    }

    /// Returns the events of all runs that tell of dead letters and of what became of them, oldest first.
    pub fn dead_letter_events(&self) -> Result<Vec<Recorded>, StoreError> {
        let sql = format!(
            "SELECT seq, runs.id, at, data FROM events JOIN runs ON runs.no = events.run WHERE {OF_DEAD_LETTERS} ORDER BY seq"
        );
        self.rows(&sql, [], recorded_row)?.into_iter().map(read_row).collect()
    }

    /// Returns the newest events, of any run, by which a task came to an error of a kind, newest first, at most `limit`, and how
    /// many there are.
    pub fn ended_with(&self, kind: ErrorKind, limit: usize) -> Result<(Vec<Recorded>, usize), StoreError> {
        // A gate says what was decided, and the kind follows from that.
        let decision = match kind {
            ErrorKind::GateRejected => "rejected",
            ErrorKind::GateTimeout => "expired",
            _ => "",
        };
        let found = "FROM events JOIN runs ON runs.no = events.run
             WHERE (kind IN ('attempt_ended', 'task_failed') AND json_extract(data, '$.error_kind') = ?1)
                OR (kind = 'gate_decided' AND ?2 <> '' AND json_extract(data, '$.decision') = ?2)";
        let count = self
            .one(&format!("SELECT count(*) {found}"), [kind.name(), decision], |row| row.get::<_, i64>(0))?;
        let sql = format!("SELECT seq, runs.id, at, data {found} ORDER BY seq DESC LIMIT ?3");
        let rows = self.rows(&sql, params![kind.name(), decision, limit as i64], recorded_row)?;
        Ok((rows.into_iter().map(read_row).collect::<Result<_, _>>()?, count as usize))
    }

    /// Returns the newest events of all runs, oldest first, at most `limit`.
    pub fn newest_events(&self, limit: usize) -> Result<Vec<Result<Recorded, Unread>>, StoreError> {
        let sql = "SELECT seq, runs.id, at, data, kind FROM events JOIN runs ON runs.no = events.run ORDER BY seq DESC LIMIT ?";
        let rows =
            self.rows(sql, [limit as i64], |row| Ok((recorded_row(row)?, row.get::<_, String>(4)?)))?;
        let read = |(row, kind): (RecordedRow, String)| {
            let (seq, run) = (row.0, row.1.clone());
            read_row(row).map_err(|error| Unread { seq, run, kind, error: error.to_string() })
        };
        Ok(rows.into_iter().rev().map(read).collect())
    }

    /// Returns how many dead letters were ever written in a run.
    pub fn dead_letters_of(&self, run: &RunId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM events
                   WHERE run = (SELECT no FROM runs WHERE id = ?) AND kind = 'task_dead_lettered'";
        Ok(self.one(sql, [run.as_str()], |row| row.get::<_, i64>(0))? as u64)
    }

    /// Returns how many tasks were given up and nobody has taken up or dropped since.
    pub fn open_dead_letters(&self) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT count(*) FROM (SELECT kind, max(seq) FROM events
             WHERE {OF_DEAD_LETTERS} AND kind <> 'dead_letters_piled_up' GROUP BY run, json_extract(data, '$.task'))
             WHERE kind = 'task_dead_lettered'"
        );
        self.one(&sql, [], |row| row.get(0))
    }

    /// Returns when tasks of any run were given up after `since`, and when it was told last that these are too many.
    pub fn dead_letter_times(&self, since: Time) -> Result<(Vec<Time>, Option<Time>), StoreError> {
        let sql = |kind: &str| {
            format!(
                "SELECT at FROM events WHERE {OF_DEAD_LETTERS} AND kind = '{kind}' AND at > ? ORDER BY at"
            )
        };
        let times = |kind: &str| self.rows(&sql(kind), [since.0], |row| row.get(0).map(Time));
        Ok((times("task_dead_lettered")?, times("dead_letters_piled_up")?.pop()))
    }

    /// Returns a run's artifacts in the order of their paths.
    pub fn artifacts(&self, run: &RunId) -> Result<Vec<ArtifactRow>, StoreError> {
        let sql = "SELECT path, kind, task, at, bytes, sha256 FROM artifacts
                   WHERE run = (SELECT no FROM runs WHERE id = ?) ORDER BY path";
        self.rows(sql, [run.as_str()], |row| {
            Ok(ArtifactRow {
                path: row.get(0)?,
                kind: row.get(1)?,
                task: row.get(2)?,
                at: Time(row.get(3)?),
                bytes: row.get::<_, i64>(4)? as u64,
                sha256: row.get(5)?,
            })
        })
    }

    /// Returns the run, the task and the number of the attempt that a token belongs to.
    pub fn attempt_of_token(&self, token_hash: &str) -> Result<Option<(RunId, String, u32)>, StoreError> {
        let sql = "SELECT runs.id, tasks.id, attempts.number FROM attempts
                   JOIN tasks USING (run, place) JOIN runs ON runs.no = attempts.run WHERE token_hash = ? AND token_hash <> ''";
        let mut statement = self.connection.prepare_cached(sql).map_err(|source| self.failed(source))?;
        let found = statement
            .query_row([token_hash], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .map_err(|source| self.failed(source))?;
        Ok(found.and_then(|(run, task, number)| Some((RunId::parse(&run)?, task, number))))
    }

    /// Derives where a run stands, looking for its owner only where that matters.
    pub fn status(&self, row: &RunRow) -> Result<RunStatus, StoreError> {
        let owned = row.is_open() && lock::is_owned(&self.paths(&row.id))?;
        Ok(row.status(owned))
    }

    /// Returns the paths of a run.
    pub fn paths(&self, run: &RunId) -> RunPaths {
        self.layout.run(run)
    }

    fn counts(&self, run_number: i64) -> Result<Counts, StoreError> {
        let sql = "SELECT state, lenient, count(*) FROM tasks WHERE run = ? GROUP BY state, lenient";
        let groups = self.rows(sql, [run_number], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get::<_, i64>(2)?))
        })?;
        let mut counts = Counts::default();
        for (state, lenient, number) in groups {
            if let Some(state) = TaskState::parse(&state) {
                counts.add(state, lenient, number as usize);
            }
        }
        Ok(counts)
    }

    /// Tells whether the store has a table: an older one that may not be written stays as it is.
    pub(super) fn has_table(&self, name: &str) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
        Ok(self.one(sql, [name], |row| row.get::<_, i64>(0))? > 0)
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        take: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|source| self.failed(source))?;
        statement.query_row(parameters, take).map_err(|source| self.failed(source))
    }

    pub(super) fn rows<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        take: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(|source| self.failed(source))?;
        let rows = statement.query_map(parameters, take).map_err(|source| self.failed(source))?;
        rows.collect::<Result<_, _>>().map_err(|source| self.failed(source))
    }
}

/// An event that cannot be read: of a later crew, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    pub seq: i64,
    pub run: String,
    pub kind: String,
    /// Why.
    pub error: String,
}

/// An event as it lies there, with its run.
type RecordedRow = (i64, String, i64, String);

fn recorded_row(row: &Row<'_>) -> rusqlite::Result<RecordedRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn read_row((seq, run, at, data): RecordedRow) -> Result<Recorded, StoreError> {
    let unreadable = |why: String| StoreError::UnreadableEvent { seq, why };
    let run = RunId::parse(&run).ok_or_else(|| unreadable(format!("{run} is no run")))?;
    let event = serde_json::from_str(&data).map_err(|error| unreadable(why_unreadable(&error)))?;
    Ok(Recorded { seq, run, at: Time(at), event })
}

/// Says why an event cannot be read, without the list of all that there could be.
fn why_unreadable(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(", expected one of").next().unwrap_or_default().to_owned()
}

/// Reads the columns of a run; the counts follow.
fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let id: String = row.get(1)?;
    Ok(RunRow {
        id: RunId::parse(&id).ok_or(rusqlite::Error::InvalidQuery)?,
        goal: row.get(2)?,
        team: row.get(3)?,
        workflow: row.get(4)?,
        created_at: Time(row.get(5)?),
        ended_at: row.get::<_, Option<i64>>(6)?.map(Time),
        started: row.get(7)?,
        stopped: false,
        counts: Counts::default(),
    })
}
