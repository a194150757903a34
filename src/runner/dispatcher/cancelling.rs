//! Ends what a person does not want to be done any more.
//!
//! # How it works
//!
//! What was decided about a wish to cancel is recorded with it (see `domain::cancelling`), those at work are asked to end and
//! are killed after the grace, and each is settled when its slot tells that it has ended and its work was kept. A child
//! whose start is under way is stopped as soon as it is there. Where no crew process lives, whoever holds the lock does the
//! same with what the dead one left, and with nothing else of the run: other tasks are left as `crew resume` finds them.

use super::{Dispatcher, Finished, Observer};
use crate::domain::event::{Event, Outcome};
use crate::domain::gate;
use crate::domain::judgement::{Judgement, StopReason};
use crate::domain::run::Run;
use crate::domain::schedule::Schedule;
use crate::domain::submission::HandedIn;
use crate::domain::task::Task;
use crate::runner::launch::Setup;
use crate::runner::process::{self, Among};
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::lock::RunLock;
use std::sync::mpsc::sync_channel;

impl Dispatcher<'_> {
    /// Follows a wish to cancel that was decided just now.
    pub(super) fn follow_cancel(&mut self, events: &[Event]) -> Result<(), StoreError> {
        // Who ends because of it ends after it: should we die now, whoever takes over knows why they did.
        self.flush()?;
        if events.iter().any(|event| matches!(event, Event::CancelAsked { task: None, .. })) {
            // Whatever it was stopped for before: nothing of it goes on after this.
            self.stopping = Some(StopReason::Cancelled);
        }
        for place in self.open.keys().copied().collect::<Vec<_>>() {
            if self.run.tasks[place].cancel.is_some() {
                self.stop_child(place, StopReason::Cancelled);
            }
        }
        self.schedule = Schedule::of(&self.run);
        self.skip_impossible()
    }

    /// Ends what a dead owner left of the tasks that are cancelled, and records that.
    fn close_cancelled(&mut self) -> Result<Option<Finished>, StoreError> {
        let is_left = |task: &Task| task.cancel.is_some() && task.last().is_some_and(|last| last.is_open());
        let places: Vec<usize> =
            (0..self.run.tasks.len()).filter(|place| is_left(&self.run.tasks[*place])).collect();
        // Nobody watches for signals here, so none is heard: they end this command.
        let lives = self.living(&places);
        self.end_left(&places);
        let recorded = self.recorded_of(&places)?;
        for ((place, lived), recorded) in places.into_iter().zip(lives).zip(recorded) {
            let ending = self.ending_of_left(place, lived);
            let usage = self.hear_out(place, recorded)?;
            self.close_lost(place, None, (ending, usage))?;
        }
        self.leave_trees_now()?;
        self.schedule = Schedule::of(&self.run);
        self.skip_impossible()?;
        self.flush()?;
        if self.run.tasks.iter().any(|task| !task.state.is_settled()) {
            return Ok(None);
        }
        // Commands may have put something aside that belongs to no task.
        let mark = self.marks_of_run();
        process::end_marked(&mark, Among::Everybody, self.setup.limits.grace, || false);
        self.finish_run().map(Some)
    }
}

/// Ends what a dead owner left of the tasks of a run that are cancelled. The caller has taken the run's lock. Returns how
/// the run ended, where nothing of it is open any more, and the run.
pub fn close_cancelled(
    store: &mut Store,
    run: Run,
    lock: RunLock,
    setup: &Setup,
    observer: &mut dyn Observer,
) -> Result<(Option<Finished>, Run), StoreError> {
    let paths = store.paths(&run.id);
    process::adopt_orphans();
    let (sender, messages) = sync_channel(1);
    let mut dispatcher = Dispatcher::new(store, run, paths, (setup, observer), (sender, messages), lock);
    let finished = dispatcher.close_cancelled()?;
    Ok((finished, dispatcher.run))
}

/// Returns the judgement on an attempt, or, where its task is cancelled and would go on to wait for a person, that it is
/// cancelled.
pub(super) fn unless_it_would_wait(
    task: &Task,
    handed_in: Option<&HandedIn>,
    judgement: Judgement,
) -> Judgement {
    match &task.cancel {
        Some(words)
            if judgement.outcome == Outcome::Succeeded
                && gate::after_attempt(task, handed_in, "").is_some() =>
        {
            Judgement { outcome: Outcome::Cancelled, error_kind: None, reason: words.clone() }
        }
        _ => judgement,
    }
}
