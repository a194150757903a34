//! Work goes back to whoever did it, because a review asks for changes.

use super::{Run, Touched};
use crate::domain::id::TaskId;
use crate::domain::review::rounds::{self, Round};
use crate::domain::submission::ReviewVerdict;
use crate::domain::task::{Task, TaskState};
use std::collections::BTreeSet;

impl Run {
    /// Puts a task and those that review it back to the queue.
    pub(super) fn begin_round(
        &mut self,
        task: &TaskId,
        reviewers: &[TaskId],
        number: u32,
        note: &str,
    ) -> Result<Touched, String> {
        let worker = self.place_of(task)?;
        let places = self.places_of_reviewers(worker, reviewers)?;
        let limit = rounds::limit_of(self, &self.tasks[worker]);
        if number != self.tasks[worker].rounds() + 1 || number > limit {
            return Err(format!("round {number} of {limit} of {task} does not come next"));
        }
        let of_persons = self.standing_reviews().filter(|one| one.of.as_ref() == Some(task));
        let of_persons = of_persons.map(|one| &one.review);
        let reviews = places.iter().filter_map(|place| self.tasks[*place].pass()).chain(of_persons);
        let prints = reviews.flat_map(|review| &review.findings).map(|finding| &finding.fingerprint);
        let open: BTreeSet<&String> = prints.filter(|print| !print.is_empty()).collect();
        let reviewed = self.tasks[worker].tree.as_ref().map(|tree| tree.head().to_owned());
        let round = Round {
            number,
            limit,
            note: note.to_owned(),
            open: open.into_iter().cloned().collect(),
            since: reviewed.or_else(|| Some(self.review.as_ref()?.target.head.clone())),
            attempts_before: 0,
        };
        self.tasks[worker].asked_for = true;
        for place in places.into_iter().chain([worker]) {
            self.put_back(place, round.clone());
        }
        Ok(Touched::Tasks)
    }

    /// Returns the places of those that review a task, where they may send it back: everybody who reviews it is through, and
    /// one of these asks for something.
    fn places_of_reviewers(&self, worker: usize, reviewers: &[TaskId]) -> Result<Vec<usize>, String> {
        let task = &self.tasks[worker];
        let id = &task.spec.id;
        if !rounds::may_be_sent_back(task) {
            return Err(format!("task {id} is {}", task.state));
        }
        if let Some(open) = rounds::reviewers_of(self, task).find(|other| !other.state.is_settled()) {
            return Err(format!("{} still reviews {id}", open.spec.id));
        }
        let places: BTreeSet<usize> =
            reviewers.iter().map(|reviewer| self.place_of(reviewer)).collect::<Result<_, _>>()?;
        if places.len() != reviewers.len() {
            return Err(format!("a reviewer of {id} is named twice"));
        }
        let has_passed = |at: &usize| {
            let reviewer: &Task = &self.tasks[*at];
            reviewer.reviewed_task() == Some(id)
                && reviewer.state == TaskState::Completed
                && reviewer.pass().is_some()
        };
        if let Some(at) = places.iter().find(|at| !has_passed(at)) {
            return Err(format!("{} has come to no verdict on {id}", self.tasks[*at].spec.id));
        }
        let asks = |at: &usize| {
            self.tasks[*at].pass().is_some_and(|review| {
                review.verdict == ReviewVerdict::ChangesRequested || !review.findings.is_empty()
            })
        };
        let person_asks = || self.standing_reviews().any(|one| one.asks_for_changes_of(task));
        match places.iter().any(asks) || person_asks() {
            true => Ok(places.into_iter().collect()),
            false => Err(format!("nobody asks for changes of {id}")),
        }
    }

    fn put_back(&mut self, place: usize, round: Round) {
        self.move_to(place, TaskState::Queued);
        let task = &mut self.tasks[place];
        task.skipped_by_condition = false;
        task.reason = format!("changes requested: round {} of {}", round.number, round.limit);
        task.gate_error = None;
        task.unanswered = 0;
        task.dead_letter = None;
        task.sent_back = false;
        task.attempts_before = task.attempts.len();
        task.round = Some(Box::new(Round { attempts_before: task.attempts.len(), ..round }));
    }
}
