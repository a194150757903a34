//! A review that a person hands in, beside those of the reviewers that were started.

use super::passes;
use super::report::{Pass, Reviewer};
use crate::domain::event::Event;
use crate::domain::finding::Finding;
use crate::domain::id::TaskId;
use crate::domain::request::{Answer, Code, refused};
use crate::domain::run::Run;
use crate::domain::submission::{ReviewBody, ReviewVerdict};
use crate::domain::task::Task;
use serde::{Deserialize, Serialize};

/// What a person handed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PersonReview {
    pub by: String,
    pub review: ReviewBody,
    /// The task whose work it is of, where there is one that it could be sent back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<TaskId>,
    /// How many rounds that task had been sent back for; another one makes the review one of older work.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Returns the task whose work a person reviews in a run; none where the run has nobody to send it back to.
pub fn worker_of(run: &Run) -> Result<Option<&Task>, Answer> {
    let mut workers: Vec<&TaskId> = run.tasks.iter().filter_map(Task::reviewed_task).collect();
    workers.sort_unstable();
    workers.dedup();
    match workers.as_slice() {
        [] => Ok(None),
        [one] => Ok(run.task(one)),
        several => {
            let names: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
            let message = format!("the work of several tasks is reviewed in this run: {}", names.join(", "));
            let hint = "crew requeue RUN TASK --force --note TEXT sends one of them back";
            Err(refused(Code::Invalid, message, hint))
        }
    }
}

/// Decides about a person's review of what a run reviews. The same review twice is taken in once; a different one of the
/// same person is refused.
pub fn hand_in(run: &Run, review: &ReviewBody, by: &str) -> Result<Vec<Event>, Answer> {
    let worker = worker_of(run)?;
    if run.review.is_none() && worker.is_none() {
        let message = "this run is no review".to_owned();
        return Err(refused(Code::Invalid, message, "crew review list shows the reviews"));
    }
    if run.tasks.iter().any(|task| task.spec.reviewer().is_some_and(|name| name == by)) {
        let message = format!("{by} is a reviewer that was started for this review");
        return Err(refused(Code::Conflict, message, "--by NAME says who you are"));
    }
    let review = review.clone().checked().map_err(|refusal| {
        let hint = refusal.hint.unwrap_or_else(|| "correct that, and hand it in again".into());
        refused(Code::Invalid, refusal.message, hint)
    })?;
    match run.standing_reviews().find(|known| known.by == by) {
        Some(known) if known.review == review => Ok(Vec::new()),
        Some(_) => {
            let message = format!("a different review of {by} was handed in before");
            Err(refused(Code::Conflict, message, "--by NAME says that it is somebody else's"))
        }
        None => {
            let (of, round) = (worker.map(|task| task.spec.id.clone()), worker.map_or(0, Task::rounds));
            Ok(vec![Event::PersonReviewed(PersonReview { by: by.to_owned(), review, of, round })])
        }
    }
}

impl Run {
    /// Returns what persons handed in of the work as it is now: what they said of it before it was sent back is settled.
    pub fn standing_reviews(&self) -> impl Iterator<Item = &PersonReview> {
        self.person_reviews.iter().filter(|one| one.stands(self))
    }
}

impl PersonReview {
    /// Tells whether it is of the work as it is now.
    pub fn stands(&self, run: &Run) -> bool {
        let worker = self.of.as_ref().and_then(|id| run.task(id));
        worker.is_none_or(|worker| worker.rounds() == self.round)
    }

    /// Tells whether it asks for changes of the work of a task. A person means what they say, however grave they call it.
    pub fn asks_for_changes_of(&self, worker: &Task) -> bool {
        self.of.as_ref() == Some(&worker.spec.id) && self.review.verdict == ReviewVerdict::ChangesRequested
    }

    /// Says what became of it, as of every reviewer's pass.
    pub fn reviewer(&self) -> Reviewer {
        let pass = match self.review.verdict {
            ReviewVerdict::Approved => Pass::Approved,
            ReviewVerdict::ChangesRequested => Pass::ChangesRequested,
        };
        Reviewer { name: self.by.clone(), pass }
    }

    /// Returns what the person found, with their name.
    pub fn said(&self) -> impl Iterator<Item = (String, Finding)> {
        let by = self.by.clone();
        self.findings().into_iter().map(move |finding| (by.clone(), finding))
    }

    /// Returns what the person found.
    pub fn findings(&self) -> Vec<Finding> {
        passes::findings_of(&self.review, &self.by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::review::row::tests::review_events;
    use crate::domain::run::tests::run_of;
    use crate::domain::time::Time;

    fn review(verdict: ReviewVerdict, body: &str) -> ReviewBody {
        ReviewBody { verdict, body: body.into(), findings: vec![], resolved: vec![] }
    }

    #[test]
    fn a_person_hands_in_one_review_and_the_same_one_again_is_nothing_new() {
        let events = review_events("h", &["claude"], false);
        let mut run = Run::create(crate::domain::id::RunId::from_random(1), Time(0), &events[0]).unwrap();
        let no = review(ReviewVerdict::ChangesRequested, "It leaks.");
        let first = hand_in(&run, &no, "Ann").unwrap();
        run.apply(Time(1), &first[0]).unwrap();
        assert_eq!(run.person_reviews[0].reviewer().pass, Pass::ChangesRequested);
        assert_eq!(run.person_reviews[0].findings()[0].title, "Ann asks for changes: It leaks.");
        assert_eq!(hand_in(&run, &no, "Ann"), Ok(vec![]));
        let yes = review(ReviewVerdict::Approved, "");
        assert!(matches!(hand_in(&run, &yes, "Ann"), Err(Answer::Refused { code: Code::Conflict, .. })));
        assert_eq!(hand_in(&run, &yes, "Bob").unwrap().len(), 1);
        let reasonless = review(ReviewVerdict::ChangesRequested, " ");
        assert!(hand_in(&run, &reasonless, "Cy").is_err());
        assert!(hand_in(&run_of(vec![]), &yes, "Ann").is_err());
    }
}
