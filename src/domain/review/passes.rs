//! What became of each reviewer's pass, read from the state of its task.

use super::foreign::is_unparsable;
use super::report::{Moved, Pass, Reviewer};
use super::rounds::STILL_REQUESTED;
use crate::domain::error_kind::ErrorKind;
use crate::domain::finding::{Finding, Severity, Standing, fingerprint};
use crate::domain::submission::{HandedIn, ReviewBody, ReviewVerdict};
use crate::domain::task::{Attempt, Task, TaskState};
use crate::domain::words::clean_line;
use crate::domain::worktree::MovedReference;

/// The category of what is made of a verdict that names no finding.
pub const UNEXPLAINED: &str = "changes-requested";
/// The most characters of a reason.
const MAX_REASON: usize = 300;

/// Says what became of a reviewer's task; nothing where it is no reviewer's.
pub fn reviewer(task: &Task) -> Option<Reviewer> {
    let name = task.spec.reviewer()?;
    Some(Reviewer { name, pass: pass(task) })
}

/// Says what became of the task of a reviewer.
pub fn pass(task: &Task) -> Pass {
    let incomplete = |why: String| Pass::Incomplete { why: clean_line(&why, MAX_REASON) };
    let reason = || if task.reason.is_empty() { "nobody knows why".to_owned() } else { task.reason.clone() };
    match task.state {
        TaskState::Completed => match handed_in(task) {
            // Whoever accepted it has seen the words, and they are no verdict.
            Some(HandedIn::Review(review)) if is_unparsable(review) => {
                incomplete("its answer could not be read".into())
            }
            Some(HandedIn::Review(review)) if review.verdict == ReviewVerdict::Approved => Pass::Approved,
            Some(HandedIn::Review(_)) => Pass::ChangesRequested,
            Some(other) => incomplete(format!("it came to no verdict: {}", other.summary())),
            None => incomplete("it came to no verdict".into()),
        },
        TaskState::Queued | TaskState::Running => incomplete("it has not come to an end".into()),
        TaskState::AwaitingInput => incomplete("it waits for a person".into()),
        TaskState::Cancelled => incomplete(format!("cancelled: {}", reason())),
        // A person has to look because it still asks for changes, and not because it has come to nothing.
        TaskState::NeedsReview if task.reason.starts_with(STILL_REQUESTED) => Pass::ChangesRequested,
        TaskState::Failed if !trespasses(task).is_empty() => incomplete(format!(
            "it may change nothing, and while it reviewed {}",
            trespasses(task).join("; ")
        )),
        TaskState::Failed | TaskState::NeedsReview | TaskState::Skipped => incomplete(reason()),
    }
}

/// Returns what its newest attempt failed for that stands for something else now than before.
fn trespasses(task: &Task) -> Vec<String> {
    let last = task.last().filter(|last| last.error_kind == Some(ErrorKind::ReadOnlyViolated));
    let moved = last.into_iter().flat_map(|last| &last.moved);
    moved.filter(|moved| moved.is_trespass()).map(MovedReference::deed).collect()
}

/// Returns which references were moved while these reviewers were at work. What somebody else is known to have moved, and
/// what crew takes away, is no news.
pub fn moved(tasks: &[&Task]) -> Vec<Moved> {
    let mut all: Vec<Moved> = Vec::new();
    for task in tasks.iter().filter(|task| task.spec.is_detached()) {
        let name = task.spec.reviewer().unwrap_or_default();
        let moved = task.attempts.iter().flat_map(|attempt| &attempt.moved);
        for moved in moved.filter(|moved| moved.from.is_none() || moved.is_trespass()) {
            let stood = |moved: &MovedReference| (moved.from.clone(), moved.to.clone());
            let is_same = |known: &&mut Moved| {
                known.moved.reference == moved.reference && stood(&known.moved) == stood(moved)
            };
            match all.iter_mut().find(is_same) {
                Some(known) if known.reviewers.contains(&name) => {}
                Some(known) => known.reviewers.push(name.clone()),
                None => all.push(Moved {
                    reviewers: vec![name.clone()],
                    back: moved.back(),
                    moved: moved.clone(),
                }),
            }
        }
    }
    all
}

fn handed_in(task: &Task) -> Option<&HandedIn> {
    task.last()?.submission.as_deref()
}

/// Returns what the reviewer of a task found.
pub fn findings(task: &Task) -> Vec<Finding> {
    task.last().map_or_else(Vec::new, |last| found_in(task, last))
}

/// Returns what the reviewer of a task found, with its name.
pub fn said(task: &Task) -> impl Iterator<Item = (String, Finding)> {
    let name = task.spec.reviewer().unwrap_or_default();
    findings(task).into_iter().map(move |finding| (name.clone(), finding))
}

/// Returns what a reviewer found in one of its attempts.
pub fn found_in(task: &Task, attempt: &Attempt) -> Vec<Finding> {
    match attempt.submission.as_deref() {
        Some(HandedIn::Review(review)) => findings_of(review, &task.spec.reviewer().unwrap_or_default()),
        _ => Vec::new(),
    }
}

/// Returns the findings of a review. A verdict that asks for changes and names none is an error in itself.
pub fn findings_of(review: &ReviewBody, name: &str) -> Vec<Finding> {
    let names_none = review.findings.is_empty() && review.verdict == ReviewVerdict::ChangesRequested;
    let unexplained = names_none.then(|| unexplained(name, &review.body));
    review.findings.iter().cloned().chain(unexplained).collect()
}

fn unexplained(name: &str, body: &str) -> Finding {
    let first = body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    Finding {
        severity: Severity::Error,
        category: UNEXPLAINED.into(),
        file: ".".into(),
        start_line: 0,
        end_line: 0,
        quote: String::new(),
        title: clean_line(&format!("{name} asks for changes: {first}"), crate::domain::finding::MAX_TITLE),
        body: body.chars().take(crate::domain::finding::MAX_BODY).collect(),
        suggestion: None,
        confidence: 1.0,
        fingerprint: fingerprint(UNEXPLAINED, ".", body, 0),
        standing: Some(Standing::Whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::review::target::Reviews;
    use crate::domain::run::tests::{agent_spec, ended, run_of, started};
    use crate::domain::task::TaskSpec;
    use crate::domain::time::Time;

    /// A reviewer's task that handed something in and ended.
    fn task(handed_in: Option<HandedIn>, outcome: Outcome) -> Task {
        let reviews = Some(Reviews { name: "claude".into(), ..Reviews::default() });
        let mut run = run_of(vec![TaskSpec { reviews, ..agent_spec("a", "claude") }]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        if let Some(handed_in) = handed_in {
            let (task, request) = (run.tasks[0].spec.id.clone(), "r".into());
            let event = Event::SubmissionAccepted { task, attempt: 1, request, handed_in, ignored: vec![] };
            run.apply(Time(2), &event).unwrap();
        }
        run.apply(Time(3), &ended("a", 1, outcome, None)).unwrap();
        run.tasks.remove(0)
    }

    fn review(verdict: ReviewVerdict, body: &str) -> Option<HandedIn> {
        Some(HandedIn::Review(ReviewBody { verdict, body: body.into(), findings: vec![], resolved: vec![] }))
    }

    #[test]
    fn only_a_verdict_of_a_task_that_ended_well_is_one() {
        use Outcome::{Cancelled, Failed, NeedsReview, Succeeded};
        let approved = || review(ReviewVerdict::Approved, "");
        let is_incomplete = |pass: &Pass| matches!(pass, Pass::Incomplete { .. });
        assert_eq!(pass(&task(approved(), Succeeded)), Pass::Approved);
        assert_eq!(
            pass(&task(review(ReviewVerdict::ChangesRequested, "no"), Succeeded)),
            Pass::ChangesRequested
        );
        for outcome in [Failed, NeedsReview, Cancelled] {
            assert!(is_incomplete(&pass(&task(approved(), outcome))), "{outcome:?}");
        }
        assert!(is_incomplete(&pass(&task(None, Succeeded))));
    }

    #[test]
    fn changes_that_are_asked_for_without_a_finding_are_one() {
        let found = findings(&task(
            review(ReviewVerdict::ChangesRequested, "\nThe lock leaks.\nMore."),
            Outcome::Succeeded,
        ));
        let [finding] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (finding.severity, finding.title.as_str()),
            (Severity::Error, "claude asks for changes: The lock leaks.")
        );
        assert!(findings(&task(review(ReviewVerdict::Approved, "fine"), Outcome::Succeeded)).is_empty());
    }
}
