//! One reviewer's pass as a table holds it, so that it is known over all runs.

use super::passes;
use super::report::Pass;
use crate::domain::id::{RunId, TaskId};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::time::Time;
use serde::{Deserialize, Serialize};

/// Where a pass stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// It has no verdict yet: it waits, is at work, or waits for a person.
    Running,
    Approved,
    ChangesRequested,
    /// It ended without a verdict, or a person has to see first what it said.
    Failed,
    Cancelled,
}

impl RowState {
    /// Every state.
    pub const ALL: [RowState; 5] = [
        RowState::Running,
        RowState::Approved,
        RowState::ChangesRequested,
        RowState::Failed,
        RowState::Cancelled,
    ];

    /// Returns the word used in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            RowState::Running => "running",
            RowState::Approved => "approved",
            RowState::ChangesRequested => "changes_requested",
            RowState::Failed => "failed",
            RowState::Cancelled => "cancelled",
        }
    }

    /// Takes the word that `name` returns.
    pub fn parse(name: &str) -> Option<RowState> {
        RowState::ALL.into_iter().find(|state| state.name() == name)
    }

    fn of(task: &Task) -> RowState {
        match task.state {
            TaskState::Queued | TaskState::Running | TaskState::AwaitingInput => RowState::Running,
            TaskState::Cancelled => RowState::Cancelled,
            TaskState::Completed | TaskState::Failed | TaskState::NeedsReview | TaskState::Skipped => {
                match passes::pass(task) {
                    Pass::Approved => RowState::Approved,
                    Pass::ChangesRequested => RowState::ChangesRequested,
                    Pass::Incomplete { .. } => RowState::Failed,
                }
            }
        }
    }
}

/// One reviewer's pass over one version of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewRow {
    pub run: RunId,
    pub task: TaskId,
    /// As people name it.
    pub reviewer: String,
    /// By what the next version of the same thing is known.
    pub key: String,
    /// By what this very version is known.
    pub version: String,
    /// What is reviewed, in words.
    pub words: String,
    pub state: RowState,
    pub asked_at: Time,
    /// When its newest attempt ended, where it is settled and had one.
    pub ended_at: Option<Time>,
    /// Its run is a review, and nothing else.
    pub alone: bool,
    /// The run that reviews a newer version of the same thing, or this one again; the store knows that.
    pub superseded_by: Option<RunId>,
}

/// Returns the row of the task at `place`; none where it reviews nothing, or what it reviews is not there yet.
pub fn row_of(run: &Run, place: usize) -> Option<ReviewRow> {
    let task = run.tasks.get(place)?;
    let reviewer = task.spec.reviewer()?;
    let target = run.target_of(task)?;
    let ended_at = task.last().filter(|_| task.state.is_settled()).and_then(|last| last.ended_at);
    Some(ReviewRow {
        run: run.id.clone(),
        task: task.spec.id.clone(),
        reviewer,
        version: target.version(),
        key: target.key,
        words: target.words,
        state: RowState::of(task),
        asked_at: run.created_at,
        ended_at,
        alone: run.review.is_some(),
        superseded_by: None,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::review::judging::Bar;
    use crate::domain::review::target::{ChangeSize, ReviewOrder, ReviewTarget, Reviews, TargetKind};
    use crate::domain::run::tests::{agent_spec, ended, run_created, started};
    use serde_json::json;

    /// The events that make a review of one version of `feature` by some reviewers.
    pub(crate) fn review_events(head: &str, reviewers: &[&str], again: bool) -> Vec<Event> {
        let target = ReviewTarget {
            kind: TargetKind::Range,
            words: "main...feature".into(),
            key: "range:refs/heads/feature".into(),
            base: "b".into(),
            head: head.into(),
            tree: "t".into(),
        };
        let (change, bar) = (ChangeSize::default(), Bar::default());
        let order = ReviewOrder { target, change, bar, answered: vec![], again };
        let mut created = run_created();
        if let Event::RunCreated { review, .. } = &mut created {
            *review = Some(Box::new(order));
        }
        let task = |name: &&str| {
            let mut spec = agent_spec(name, name);
            spec.reviews = Some(Reviews { name: (*name).into(), ..Reviews::default() });
            Event::TaskCreated { spec }
        };
        [created].into_iter().chain(reviewers.iter().map(task)).collect()
    }

    /// What happens when a reviewer comes to a verdict, with a finding of each fingerprint.
    pub(crate) fn passes(task: &str, attempt: u32, verdict: &str, fingerprints: &[&str]) -> Vec<Event> {
        let finding = |print: &&str| {
            json!({"severity": "error", "category": "race", "file": "a", "title": "t",
                "fingerprint": print})
        };
        let findings: Vec<_> = fingerprints.iter().map(finding).collect();
        let handed_in = json!({"kind": "submission_accepted", "task": task, "attempt": attempt, "request": "r",
            "review": {"verdict": verdict, "body": "b", "findings": findings}});
        vec![
            started(task, attempt),
            serde_json::from_value(handed_in).unwrap(),
            ended(task, attempt, Outcome::Succeeded, None),
        ]
    }

    fn made(events: &[Event]) -> Run {
        let mut run = Run::create(RunId::from_random(1), Time(1), &events[0]).unwrap();
        happen(&mut run, &events[1..]);
        run
    }

    fn happen(run: &mut Run, events: &[Event]) {
        for event in events {
            run.apply(Time(2), event).unwrap();
        }
    }

    #[test]
    fn a_row_says_what_became_of_a_pass() {
        let cases = [
            (vec![], RowState::Running),
            (vec![started("claude", 1)], RowState::Running),
            (passes("claude", 1, "approved", &[]), RowState::Approved),
            (passes("claude", 1, "changes_requested", &[]), RowState::ChangesRequested),
            // Whatever it ended with, nobody said that the change is good.
            (vec![started("claude", 1), ended("claude", 1, Outcome::Succeeded, None)], RowState::Failed),
            (vec![started("claude", 1), ended("claude", 1, Outcome::NeedsReview, None)], RowState::Failed),
            (vec![started("claude", 1), ended("claude", 1, Outcome::Cancelled, None)], RowState::Cancelled),
        ];
        for (events, state) in cases {
            let mut run = made(&review_events("h", &["claude"], false));
            happen(&mut run, &events);
            let row = row_of(&run, 0).unwrap();
            assert_eq!(row.state, state, "{events:?}");
            assert_eq!((row.reviewer.as_str(), row.version.as_str()), ("claude", "b..h"));
            assert_eq!(row.ended_at.is_some(), state != RowState::Running);
        }
    }

    #[test]
    fn what_reviews_nothing_has_no_row() {
        let mut run = made(&review_events("h", &["claude"], false));
        run.tasks[0].spec.reviews = None;
        assert_eq!(row_of(&run, 0), None);
        let mut run = made(&review_events("h", &["claude"], false));
        run.review = None;
        assert_eq!(row_of(&run, 0), None);
    }
}
