//! What has to be done for a review that is asked for: what is known of the same version already is not done again.

use super::row::{ReviewRow, RowState};
use crate::domain::id::{RunId, TaskId};

/// A pass, and whether somebody is at work on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub row: ReviewRow,
    /// A crew process carries its run out; asked only of those that are open.
    pub owned: bool,
}

/// What is done for one reviewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It has to look at it.
    Start,
    /// It is at it in this run, which is waited for; where nobody carries that out any more (`owned`), it is gone on with.
    Running { run: RunId, owned: bool },
    /// It has approved this version in that task of that run.
    Answered { run: RunId, task: TaskId },
}

/// Decides what is done for each reviewer. `known` are the passes over all versions of the thing, the oldest first.
///
/// What counts of a reviewer is its newest pass over this very version. What it approved is not repeated unless `again`
/// says so; what failed, was cancelled or asks for changes is. What came of a run that was `awaited` is the answer, whatever
/// it is: who asks at the same time as somebody else gets the same review.
pub fn plan(
    known: &[Standing],
    version: &str,
    reviewers: &[String],
    (again, awaited): (bool, &[RunId]),
) -> Vec<(String, Step)> {
    let step = |reviewer: &String| {
        let is_it = |known: &&Standing| known.row.version == version && known.row.reviewer == *reviewer;
        let Some(Standing { row, owned }) = known.iter().rfind(is_it) else { return Step::Start };
        match row.state {
            RowState::Running => Step::Running { run: row.run.clone(), owned: *owned },
            _ if awaited.contains(&row.run) => {
                Step::Answered { run: row.run.clone(), task: row.task.clone() }
            }
            RowState::Approved if !again => Step::Answered { run: row.run.clone(), task: row.task.clone() },
            RowState::Approved | RowState::ChangesRequested | RowState::Failed | RowState::Cancelled => {
                Step::Start
            }
        }
    };
    reviewers.iter().map(|reviewer| (reviewer.clone(), step(reviewer))).collect()
}

/// Returns the reviews of other versions that are still open, and that nobody needs once `version` is reviewed. A run that
/// does more than review is none of them.
pub fn overtaken(known: &[Standing], version: &str) -> Vec<RunId> {
    let is_over = |row: &&ReviewRow| row.version != version && row.state == RowState::Running && row.alone;
    let mut runs: Vec<RunId> =
        known.iter().map(|known| &known.row).filter(is_over).map(|row| row.run.clone()).collect();
    runs.dedup();
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;

    fn known(run: u128, version: &str, reviewer: &str, state: RowState, owned: bool) -> Standing {
        let row = ReviewRow {
            run: RunId::from_random(run),
            task: TaskId::parse("t").unwrap(),
            reviewer: reviewer.into(),
            key: "k".into(),
            version: version.into(),
            words: "w".into(),
            state,
            asked_at: Time(1),
            ended_at: None,
            alone: true,
            superseded_by: None,
        };
        Standing { row, owned }
    }

    fn planned(rows: &[Standing], again: bool) -> Step {
        plan(rows, "v2", &["claude".to_owned()], (again, &[])).remove(0).1
    }

    #[test]
    fn what_is_known_of_the_same_version_is_not_done_again() {
        use RowState::*;
        let running = |owned| Step::Running { run: RunId::from_random(1), owned };
        let answered = || Step::Answered { run: RunId::from_random(1), task: TaskId::parse("t").unwrap() };
        let rows = [
            (Running, true, false, running(true)),
            (Running, false, false, running(false)),
            // Nobody begins a second one beside it, whatever is asked for.
            (Running, true, true, running(true)),
            (Approved, false, false, answered()),
            (Approved, false, true, Step::Start),
            (ChangesRequested, false, false, Step::Start),
            (Failed, false, false, Step::Start),
            (Cancelled, false, false, Step::Start),
        ];
        for (state, owned, again, step) in rows {
            let known = [known(1, "v2", "claude", state, owned)];
            assert_eq!(planned(&known, again), step, "{state:?} {owned} {again}");
        }
    }

    #[test]
    fn what_was_waited_for_is_the_answer() {
        let awaited = [RunId::from_random(1)];
        for state in [RowState::Approved, RowState::ChangesRequested, RowState::Failed, RowState::Cancelled] {
            let known = [known(1, "v2", "claude", state, false)];
            let step = plan(&known, "v2", &["claude".to_owned()], (true, &awaited)).remove(0).1;
            assert!(matches!(step, Step::Answered { .. }), "{state:?}");
        }
    }

    #[test]
    fn others_and_other_versions_answer_nothing_and_the_newest_pass_counts() {
        use RowState::*;
        assert_eq!(planned(&[], false), Step::Start);
        assert_eq!(planned(&[known(1, "v1", "claude", Approved, false)], false), Step::Start);
        assert_eq!(planned(&[known(1, "v2", "codex", Approved, false)], false), Step::Start);
        let [old, new] = [Approved, ChangesRequested].map(|state| known(1, "v2", "claude", state, false));
        assert_eq!(planned(&[old.clone(), new.clone()], false), Step::Start);
        // Somebody changed it and changed it back: that it was approved holds still.
        let superseded = Standing {
            row: ReviewRow { superseded_by: Some(RunId::from_random(9)), ..old.row },
            owned: false,
        };
        assert!(matches!(planned(&[new, superseded], false), Step::Answered { .. }));
    }

    #[test]
    fn open_reviews_of_other_versions_are_overtaken() {
        use RowState::*;
        let mut with_work = known(4, "v1", "claude", Running, true);
        with_work.row.alone = false;
        let rows = [
            known(1, "v1", "claude", Running, true),
            known(1, "v1", "codex", Running, true),
            known(2, "v1", "claude", Approved, false),
            known(3, "v2", "claude", Running, true),
            with_work,
        ];
        assert_eq!(overtaken(&rows, "v2"), [RunId::from_random(1)]);
    }
}
