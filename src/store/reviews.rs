//! Reviewers' passes over all runs: kept in the transaction of the events that they follow from, and asked for.

use super::StoreError;
use super::database::Store;
use super::lock;
use crate::domain::event::Event;
use crate::domain::id::{RunId, TaskId};
use crate::domain::review::deciding::{Decided, Decision};
use crate::domain::review::in_rounds::InRounds;
use crate::domain::review::planning::Standing;
use crate::domain::review::row::{ReviewRow, RowState, row_of};
use crate::domain::run::Run;
use crate::domain::time::Time;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;

/// A run that is being written.
pub(super) struct Reviewing<'a> {
    pub transaction: &'a Transaction<'a>,
    /// The run's number in the tables.
    pub number: i64,
    pub run: &'a Run,
}

impl Reviewing<'_> {
    /// Tells whether what is approved is to be reviewed once more.
    fn is_again(&self) -> bool {
        self.run.review.as_ref().is_some_and(|order| order.again)
    }

    /// Finds another run whose reviewer is at work on the same, or with `approved` has approved it.
    fn other(&self, row: &ReviewRow, approved: bool) -> rusqlite::Result<Option<RunId>> {
        let sql = "SELECT runs.id FROM reviews JOIN runs ON runs.no = reviews.run
                   WHERE target = ?1 AND version = ?2 AND reviewer = ?3 AND superseded_by IS NULL AND reviews.run <> ?4
                     AND (state = 'running' OR (?5 AND state = 'approved')) LIMIT 1";
        let values = params![row.key, row.version, row.reviewer, self.number, approved];
        let mut statement = self.transaction.prepare_cached(sql)?;
        let found: Option<String> = statement.query_row(values, |row| row.get(0)).optional()?;
        Ok(found.and_then(|id| RunId::parse(&id)))
    }

    /// Marks what a row takes the place of: passes over other versions of the same thing, and its reviewer's earlier ones over
    /// this version.
    fn supersede(&self, row: &ReviewRow) -> rusqlite::Result<()> {
        let sql = "UPDATE reviews SET superseded_by = ?1
                   WHERE target = ?2 AND run <> ?3 AND superseded_by IS NULL
                     AND (version <> ?4 OR (reviewer = ?6 AND state <> 'running' AND (?5 OR state <> 'approved')))";
        let id = self.run.id.as_str();
        let values = params![id, row.key, self.number, row.version, self.is_again(), row.reviewer];
        self.transaction.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}

/// Finds the run that was first, where one that is being made would review what is reviewed, or approved, already.
pub(super) fn taken(reviewing: &Reviewing<'_>) -> rusqlite::Result<Option<RunId>> {
    if let Some(asked) = InRounds::of(reviewing.run)
        && let Some(first) = open_in_rounds(reviewing.transaction, &asked)?
    {
        return Ok(Some(first));
    }
    for place in 0..reviewing.run.tasks.len() {
        let Some(row) = row_of(reviewing.run, place) else { continue };
        if let Some(first) = reviewing.other(&row, !reviewing.is_again())? {
            return Ok(Some(first));
        }
    }
    Ok(None)
}

/// Finds the oldest run with open tasks that was asked for the same. Its rows do not tell: in its second round it reviews what
/// was put right.
fn open_in_rounds(connection: &Connection, asked: &InRounds) -> rusqlite::Result<Option<RunId>> {
    let open = "SELECT no, id, created_at FROM runs WHERE EXISTS (SELECT 1 FROM reviews WHERE reviews.run = no AND alone)
                    AND EXISTS (SELECT 1 FROM tasks WHERE tasks.run = no AND state IN ('queued', 'running', 'awaiting_input'))
                ORDER BY no";
    let mut statement = connection.prepare_cached(open)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (number, id, at) = (row.get(0)?, row.get::<_, String>(1)?, Time(row.get(2)?));
        let Some(id) = RunId::parse(&id) else { continue };
        let made = as_made(connection, number, (id, at))?;
        if let Some(run) = made.filter(|run| InRounds::of(run).as_ref() == Some(asked)) {
            return Ok(Some(run.id));
        }
    }
    Ok(None)
}

/// Returns a run as it was when it was made; nothing where that cannot be read.
fn as_made(connection: &Connection, number: i64, (id, at): (RunId, Time)) -> rusqlite::Result<Option<Run>> {
    let sql =
        "SELECT data FROM events WHERE run = ? AND kind IN ('run_created', 'task_created') ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let texts = statement.query_map([number], |row| row.get::<_, String>(0))?;
    let mut made: Option<Run> = None;
    for text in texts {
        let Ok(event) = serde_json::from_str::<Event>(&text?) else { return Ok(None) };
        let applied = match &mut made {
            None => Run::create(id.clone(), at, &event).map(|run| made = Some(run)),
            Some(run) => run.apply(at, &event).map(drop),
        };
        if applied.is_err() {
            return Ok(None);
        }
    }
    Ok(made)
}

/// Brings the row of the task at `place` up to date, where it reviews something.
pub(super) fn put(reviewing: &Reviewing<'_>, place: usize) -> rusqlite::Result<()> {
    let Some(row) = row_of(reviewing.run, place) else { return Ok(()) };
    let sql = "SELECT version, superseded_by FROM reviews WHERE run = ? AND place = ?";
    let before: Option<(String, Option<String>)> = reviewing
        .transaction
        .prepare_cached(sql)?
        .query_row(params![reviewing.number, place as i64], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let is_new = before.as_ref().is_none_or(|(version, _)| *version != row.version);
    if is_new {
        reviewing.supersede(&row)?;
    }
    let mut superseded_by = before.and_then(|(_, by)| by).filter(|_| !is_new);
    if superseded_by.is_none() && matches!(row.state, RowState::Running | RowState::Approved) {
        // One that a person puts back, while another run reviews the same, must not end what is at work.
        superseded_by = reviewing.other(&row, true)?.map(|run| run.to_string());
    }
    let sql = "INSERT INTO reviews (run, place, task, reviewer, target, version, words, state, asked_at, ended_at, alone,
                   superseded_by)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               ON CONFLICT (run, place) DO UPDATE SET reviewer = ?4, target = ?5, version = ?6, words = ?7, state = ?8,
                   ended_at = ?10, superseded_by = ?12";
    reviewing.transaction.prepare_cached(sql)?.execute(params![
        reviewing.number,
        place as i64,
        row.task.as_str(),
        row.reviewer,
        row.key,
        row.version,
        row.words,
        row.state.name(),
        row.asked_at.0,
        row.ended_at.map(|at| at.0),
        row.alone,
        superseded_by,
    ])?;
    Ok(())
}

/// Keeps what was decided about a finding; `place` is the event's number and its time.
pub(super) fn keep_decision(
    transaction: &Transaction<'_>,
    run: &Run,
    place: (i64, Time),
    event: &Event,
) -> rusqlite::Result<()> {
    let Event::FindingDecided { fingerprint, decision, feedback, by, why, evidence } = event else {
        return Ok(());
    };
    let (seq, at) = place;
    let decided = Decided {
        decision: *decision,
        feedback: *feedback,
        by: by.clone(),
        why: why.clone(),
        evidence: evidence.clone(),
        at,
    };
    let data = serde_json::to_string(&decided)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let sql =
        "INSERT INTO finding_decisions (seq, run, at, fingerprint, decision, data) VALUES (?, ?, ?, ?, ?, ?)";
    let values = params![seq, run.id.as_str(), at.0, fingerprint, decision.name(), data];
    transaction.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// What was decided about a finding in some run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingDecision {
    pub fingerprint: String,
    pub run: RunId,
    pub decided: Decided,
}

/// The columns of a row, as [`read`] takes them.
const COLUMNS: &str =
    "SELECT runs.id, task, reviewer, target, version, words, state, asked_at, reviews.ended_at, alone, superseded_by
     FROM reviews JOIN runs ON runs.no = reviews.run";

fn read(row: &Row<'_>) -> rusqlite::Result<ReviewRow> {
    let text = |at: usize| row.get::<_, String>(at);
    let odd = || rusqlite::Error::InvalidQuery;
    Ok(ReviewRow {
        run: RunId::parse(&text(0)?).ok_or_else(odd)?,
        task: TaskId::parse(&text(1)?).ok_or_else(odd)?,
        reviewer: text(2)?,
        key: text(3)?,
        version: text(4)?,
        words: text(5)?,
        state: RowState::parse(&text(6)?).ok_or_else(odd)?,
        asked_at: Time(row.get(7)?),
        ended_at: row.get::<_, Option<i64>>(8)?.map(Time),
        alone: row.get(9)?,
        superseded_by: row.get::<_, Option<String>>(10)?.and_then(|id| RunId::parse(&id)),
    })
}

impl Store {
    /// Returns the passes over all versions of a thing, the oldest first.
    pub fn reviews_of(&self, key: &str) -> Result<Vec<ReviewRow>, StoreError> {
        self.review_rows("WHERE target = ? ORDER BY reviews.run, place", [key])
    }

    /// Does the same, and looks whether somebody is at work on those that are open.
    pub fn standings_of(&self, key: &str) -> Result<Vec<Standing>, StoreError> {
        self.with_owners(self.reviews_of(key)?)
    }

    /// Returns the run with open tasks, where there is one, that was asked for the same review in rounds.
    pub fn open_in_rounds(&self, asked: &InRounds) -> Result<Option<RunId>, StoreError> {
        open_in_rounds(&self.connection, asked).map_err(|source| self.failed(source))
    }

    /// Returns the passes of a run, in the order of its tasks.
    pub fn reviews_in(&self, run: &RunId) -> Result<Vec<ReviewRow>, StoreError> {
        self.review_rows("WHERE runs.id = ? ORDER BY place", [run.as_str()])
    }

    /// Returns the passes that were asked for at a time or after it, the newest run first.
    pub fn reviews_since(&self, since: Time) -> Result<Vec<ReviewRow>, StoreError> {
        self.review_rows("WHERE asked_at >= ? ORDER BY reviews.run DESC, place", [since.0])
    }

    /// Returns the newest run in which something is reviewed.
    pub fn newest_review(&self) -> Result<Option<RunId>, StoreError> {
        Ok(self.review_rows("ORDER BY reviews.run DESC LIMIT 1", [])?.pop().map(|row| row.run))
    }

    /// Looks whether somebody is at work on those passes that are open.
    pub fn with_owners(&self, rows: Vec<ReviewRow>) -> Result<Vec<Standing>, StoreError> {
        let with_owner = |row: ReviewRow| {
            let owned = row.state == RowState::Running && lock::is_owned(&self.paths(&row.run))?;
            Ok(Standing { row, owned })
        };
        rows.into_iter().map(with_owner).collect()
    }

    /// Returns what was decided about findings in all runs, those too that are pruned, the oldest first.
    pub fn finding_decisions(&self) -> Result<Vec<FindingDecision>, StoreError> {
        if !self.has_table("finding_decisions")? {
            return Ok(Vec::new());
        }
        let sql = "SELECT fingerprint, run, data FROM finding_decisions ORDER BY seq";
        let rows = self.rows(sql, [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        // What a newer crew says differently is left out, and shows that nothing is decided.
        let read = |(fingerprint, run, data): (String, String, String)| {
            let (run, decided) = (RunId::parse(&run)?, serde_json::from_str(&data).ok()?);
            Some(FindingDecision { fingerprint, run, decided })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Returns what stays quiet in all reviews, by its fingerprint: it was dismissed in some run, and reopened in none since.
    pub fn dismissed(&self) -> Result<BTreeMap<String, FindingDecision>, StoreError> {
        let mut dismissed = BTreeMap::new();
        for decision in self.finding_decisions()? {
            match decision.decided.decision {
                Decision::Dismissed => drop(dismissed.insert(decision.fingerprint.clone(), decision)),
                Decision::Reopened => drop(dismissed.remove(&decision.fingerprint)),
                // That it is put right in one place tells nothing of others.
                Decision::Resolved => {}
            }
        }
        Ok(dismissed)
    }

    fn review_rows(&self, rest: &str, values: impl rusqlite::Params) -> Result<Vec<ReviewRow>, StoreError> {
        // An older store that may not be written stays as it is.
        if !self.has_table("reviews")? {
            return Ok(Vec::new());
        }
        self.rows(&format!("{COLUMNS} {rest}"), values, read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Outcome;
    use crate::domain::review::row::tests::{passes, review_events};
    use crate::domain::run::tests::{ended, started};
    use crate::store::layout::Layout;

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&Layout::of(folder.path())).unwrap()
    }

    fn ask(
        store: &mut Store,
        id: u128,
        head: &str,
        reviewers: &[&str],
        again: bool,
    ) -> Result<Run, StoreError> {
        let events = review_events(head, reviewers, again);
        store.create_run(RunId::from_random(id), Time(id as i64), events).map(|(run, _)| run)
    }

    fn happen(store: &mut Store, run: &mut Run, events: Vec<Event>) {
        for event in events {
            store.record(run, Time(50), event).unwrap();
        }
    }

    fn refused_for(asked: Result<Run, StoreError>) -> RunId {
        match asked {
            Err(StoreError::ReviewTaken { run }) => run,
            other => panic!("{other:?}"),
        }
    }

    /// The runs' numbers, with their states and whether they are superseded.
    fn shown(store: &Store) -> Vec<(i64, String, &'static str, bool)> {
        let rows = store.reviews_of("range:refs/heads/feature").unwrap();
        let of =
            |row: ReviewRow| (row.asked_at.0, row.reviewer, row.state.name(), row.superseded_by.is_some());
        rows.into_iter().map(of).collect()
    }

    #[test]
    fn who_asks_for_the_same_at_once_is_told_who_was_first_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let mut first = ask(&mut store, 1, "h", &["claude", "codex"], false).unwrap();
        assert_eq!(refused_for(ask(&mut store, 2, "h", &["pi", "codex"], false)), first.id);
        assert_eq!(refused_for(ask(&mut store, 2, "h", &["codex"], true)), first.id, "it is at work");
        assert_eq!(store.run_count().unwrap(), 1);
        assert!(store.check_integrity().unwrap().is_empty());
        happen(&mut store, &mut first, passes("claude", 1, "approved", &[]));
        happen(&mut store, &mut first, passes("codex", 1, "changes_requested", &["f"]));
        // What was approved is not reviewed again, unless somebody says so; what was not may be.
        assert_eq!(refused_for(ask(&mut store, 2, "h", &["claude"], false)), first.id);
        ask(&mut store, 3, "h", &["codex"], false).unwrap();
        ask(&mut store, 4, "h", &["claude"], true).unwrap();
        let expected = [
            (1, "claude".to_owned(), "approved", true),
            (1, "codex".to_owned(), "changes_requested", true),
            (3, "codex".to_owned(), "running", false),
            (4, "claude".to_owned(), "running", false),
        ];
        assert_eq!(shown(&store), expected);
    }

    #[test]
    fn a_newer_version_supersedes_what_is_known_of_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        ask(&mut store, 1, "h", &["claude"], false).unwrap();
        let second = ask(&mut store, 2, "i", &["claude"], false).unwrap();
        assert!(shown(&store)[0].3 && !shown(&store)[1].3);
        let rows = store.reviews_of("range:refs/heads/feature").unwrap();
        assert_eq!(rows[0].superseded_by, Some(second.id));
    }

    #[test]
    fn one_that_is_put_back_beside_another_does_not_take_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let mut first = ask(&mut store, 1, "h", &["claude"], false).unwrap();
        let failed = vec![started("claude", 1), ended("claude", 1, Outcome::Failed, None)];
        happen(&mut store, &mut first, failed);
        ask(&mut store, 2, "h", &["claude"], false).unwrap();
        let back = Event::TaskRequeued {
            task: first.tasks[0].spec.id.clone(),
            by: "Ann".into(),
            reason: String::new(),
            asked: Default::default(),
        };
        happen(&mut store, &mut first, vec![back]);
        happen(&mut store, &mut first, passes("claude", 2, "approved", &[]));
        let expected =
            [(1, "claude".to_owned(), "approved", true), (2, "claude".to_owned(), "running", false)];
        assert_eq!(shown(&store), expected);
    }

    #[test]
    fn a_store_that_is_made_anew_has_the_same_rows_and_a_pruned_run_has_none() {
        use crate::domain::tombstone::Tombstone;
        use crate::store::salvage::hold;
        let folder = tempfile::tempdir().unwrap();
        let mut before = store(&folder);
        let mut first = ask(&mut before, 1, "h", &["claude"], false).unwrap();
        happen(&mut before, &mut first, passes("claude", 1, "approved", &[]));
        ask(&mut before, 2, "h", &["claude"], true).unwrap();
        ask(&mut before, 3, "i", &["claude"], false).unwrap();
        let rows = before.reviews_since(Time(0)).unwrap();
        assert_eq!(rows.len(), 3);
        drop(before);
        let held = hold(&Layout::of(folder.path()), std::time::Duration::ZERO).unwrap();
        held.ok().expect("nobody is at work").salvage(Time(60)).unwrap();
        let mut anew = store(&folder);
        assert_eq!(anew.reviews_since(Time(0)).unwrap(), rows);
        anew.entomb(&first, &Tombstone::of(&first, &[], Time(70), "Ann", 0), &Default::default()).unwrap();
        assert_eq!(anew.reviews_in(&first.id).unwrap(), []);
        assert_eq!(anew.reviews_since(Time(0)).unwrap().len(), 2);
    }

    #[test]
    fn what_is_dismissed_stays_so_without_its_run_and_in_a_store_that_is_made_anew() {
        use crate::domain::tombstone::Tombstone;
        use crate::store::salvage::hold;
        let folder = tempfile::tempdir().unwrap();
        let mut before = store(&folder);
        let decided = |print: &str, decision| Event::FindingDecided {
            fingerprint: print.into(),
            decision,
            feedback: None,
            by: "Ann".into(),
            why: "w".into(),
            evidence: None,
        };
        let mut run = ask(&mut before, 1, "h", &["claude"], false).unwrap();
        let mut other = ask(&mut before, 2, "i", &["claude"], false).unwrap();
        let dismissed = ["f1", "f2", "f3"].map(|print| decided(print, Decision::Dismissed));
        happen(&mut before, &mut run, dismissed.to_vec());
        // Somebody takes back in another run what was said in this one.
        let said = vec![decided("f1", Decision::Reopened), decided("f2", Decision::Resolved)];
        happen(&mut before, &mut other, said);
        let quiet = |store: &Store| store.dismissed().unwrap().into_keys().collect::<Vec<_>>();
        assert_eq!(quiet(&before), ["f2", "f3"]);
        before.entomb(&run, &Tombstone::of(&run, &[], Time(70), "Ann", 0), &Default::default()).unwrap();
        assert_eq!(quiet(&before), ["f2", "f3"]);
        let known = before.finding_decisions().unwrap();
        drop(before);
        let held = hold(&Layout::of(folder.path()), std::time::Duration::ZERO).unwrap();
        let salvaged = held.ok().expect("nobody is at work").salvage(Time(80)).unwrap().expect("it is made");
        assert_eq!(salvaged.unread, 0);
        assert_eq!(store(&folder).finding_decisions().unwrap(), known);
    }

    #[test]
    fn an_open_review_without_an_owner_is_known_as_that() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let run = ask(&mut store, 1, "h", &["claude"], false).unwrap();
        let owned = |store: &Store| store.standings_of("range:refs/heads/feature").unwrap()[0].owned;
        assert!(!owned(&store));
        let held = lock::try_take(&store.paths(&run.id)).unwrap();
        assert!(owned(&store));
        drop(held);
    }
}
