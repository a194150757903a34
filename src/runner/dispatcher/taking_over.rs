//! Takes a run over, and closes what a dead owner left open.

use super::Dispatcher;
use crate::domain::budget::Ledger;
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Again, Ending, Event, Outcome, ProcessId};
use crate::domain::gate;
use crate::domain::judgement;
use crate::domain::schedule::Schedule;
use crate::domain::submission::HandedIn;
use crate::domain::task::{Attempt, AttemptState, Task};
use crate::domain::usage::Usage;
use crate::domain::words::clean_line;
use crate::runner::attempt::MAX_SUMMARY_LINE;
use crate::runner::clock;
use crate::runner::handed_in_files;
use crate::runner::launch;
use crate::runner::process;
use crate::store::StoreError;
use crate::store::inbox;
use crate::workspace::snapshot;

/// How often in a row a task may be lost with its crew process before it counts as its own doing.
const MAX_LOST: usize = 3;

impl Dispatcher<'_> {
    /// Records that the run is ours, and closes what a dead owner left open.
    pub(super) fn take_over(&mut self) -> Result<(), StoreError> {
        snapshot::sweep(&self.paths.logs());
        inbox::sweep(&self.paths.inbox(), clock::now());
        let pid = std::process::id();
        let process = process::identify(pid).unwrap_or(ProcessId { pid, start: 0, boot: String::new() });
        self.record(Event::DispatcherStarted { process })?;
        let left_open = |task: &Task| task.last().is_some_and(|attempt| attempt.is_open());
        let places: Vec<usize> =
            (0..self.run.tasks.len()).filter(|at| left_open(&self.run.tasks[*at])).collect();
        for place in places {
            self.close_lost(place)?;
        }
        self.close_overdue_gates()?;
        self.schedule = Schedule::of(&self.run);
        self.ledger = Ledger::of(&self.run);
        self.skip_impossible()
    }

    /// Ends what a dead owner's attempt left running, and settles it: a result that was accepted is not lost.
    pub(super) fn close_lost(&mut self, place: usize) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(left) = task.last() else { return Ok(()) };
        process::end_left(left.process.as_ref(), &self.marks_of(place), self.setup.limits.grace);
        let (id, number, submission) = (task.spec.id.clone(), left.number, left.submission.clone());
        let files = self.finish_files(place)?;
        let unkept = self.keep_left(place)?;
        let task = &self.run.tasks[place];
        let lost = |attempt: &&Attempt| attempt.state == AttemptState::Ended(Outcome::Lost);
        let often = task.attempts.iter().rev().skip(1).take_while(lost).count() + 1 >= MAX_LOST;
        let summary = submission.as_deref().map(HandedIn::summary).unwrap_or_default();
        let summary = clean_line(&summary, MAX_SUMMARY_LINE);
        // It waited for nothing but the answer, so nothing of it has to be checked.
        let asked = submission.as_deref().filter(|handed_in| {
            matches!(handed_in, HandedIn::Question(_)) && task.unanswered < judgement::MAX_UNANSWERED
        });
        let asked = asked.and_then(|question| gate::after_attempt(task, Some(question), &summary));
        let (outcome, reason) = match submission {
            Some(_) if asked.is_some() => (Outcome::Succeeded, "it had asked when the crew process died"),
            Some(_) => (Outcome::NeedsReview, "it had handed in something when the crew process died"),
            // Whoever works there next may throw away what is nowhere else.
            None if unkept.is_some() => (Outcome::NeedsReview, "the crew process that owned it died"),
            None if often => (Outcome::Lost, "the crew process died with it several times in a row"),
            None => (Outcome::Lost, "the crew process that owned it died"),
        };
        if let Some(result) = &submission {
            let kept = launch::keep_result(&self.paths, task, number, Some(result), "")?;
            kept.into_iter().try_for_each(|event| self.record(event))?;
        }
        let again = outcome == Outcome::Lost && !often;
        let unkept = unkept.map(|why| format!("; its work could not be kept: {why}")).unwrap_or_default();
        if let Some((about, time)) = asked {
            self.open_gate(place, Some(number), about, time.or(self.setup.limits.gate))?;
        }
        self.record(Event::AttemptEnded {
            task: id,
            attempt: number,
            outcome,
            error_kind: (outcome == Outcome::Lost).then_some(ErrorKind::OwnerLost),
            reason: clean_line(&format!("{reason}{files}{unkept}"), MAX_SUMMARY_LINE),
            ending: Ending::default(),
            usage: Usage::default(),
            summary,
            again: again.then(|| Again { not_before: clock::now(), reason: "owner_lost".into() }),
        })
    }

    /// Takes back what a dead owner had begun to apply, and applies it as a whole. Returns what to say where that fails.
    pub(super) fn finish_files(&mut self, place: usize) -> Result<String, StoreError> {
        let task = &self.run.tasks[place];
        let Some(attempt) = task.last() else { return Ok(String::new()) };
        let tree = &attempt.folder(&self.setup.repository);
        let number = attempt.number;
        if attempt.files_to_apply().is_some()
            && let Some(why) = self.own_tree(place, number).and_then(|tree| tree.wrong())
        {
            // Another folder may be where its own was.
            return Ok(format!("; its files were not applied: {why}"));
        }
        if let Some(left) = handed_in_files::recover(tree, &self.paths, task, attempt)? {
            return Ok(format!("; {left}"));
        }
        let Some(files) = attempt.files_to_apply() else { return Ok(String::new()) };
        match handed_in_files::apply(tree, &self.paths, task, number, files)? {
            Ok(applied) => self.record_applied(place, number, applied).map(|()| String::new()),
            Err(why) => Ok(format!("; its files were not applied: {}", why.message)),
        }
    }

    /// Returns the variables by which the processes of a task are known, wherever they went.
    pub(super) fn marks_of(&self, place: usize) -> [String; 2] {
        [format!("CREW_RUN={}", self.run.id), format!("CREW_TASK={}", self.run.tasks[place].spec.id)]
    }
}
