//! Sends work back of which a review asks for changes, and lets go what nobody asked for.

use super::Dispatcher;
use crate::domain::event::Event;
use crate::domain::judgement::StopReason;
use crate::domain::review::rounds;
use crate::domain::schedule::Schedule;
use crate::domain::task::Task;
use crate::store::StoreError;

/// Why what waits until it is asked for is not done.
const UNASKED: &str = "nothing was asked for";

impl Dispatcher<'_> {
    /// Begins the rounds that follow from how reviews have ended, in the transaction that says so; tells whether there are
    /// any. What is given up is not begun anew.
    pub(super) fn begin_rounds(&mut self) -> Result<bool, StoreError> {
        if !matches!(self.stopping, None | Some(StopReason::Interrupted)) {
            return Ok(false);
        }
        let due = rounds::due(&self.run);
        let any = !due.is_empty();
        for event in due {
            self.note_round(&event);
            self.record(event)?;
        }
        if any {
            self.schedule = Schedule::of(&self.run);
            self.skip_impossible()?;
        }
        Ok(any)
    }

    /// Counts the attempts of those anew that go into another round.
    pub(super) fn note_round(&mut self, event: &Event) {
        let Event::ReviewRoundBegun { task, reviewers, .. } = event else { return };
        let places = reviewers.iter().chain([task]).filter_map(|id| self.run.place(id));
        places.for_each(|place| self.ledger.begin_round(place));
    }

    /// Settles what waits until it is asked for, now that everything else is settled and nothing asked for it.
    pub(super) fn let_go_unasked(&mut self) -> Result<(), StoreError> {
        let is_open = |task: &&Task| !task.state.is_settled() && !task.is_unasked();
        if self.stopping.is_some() || self.run.tasks.iter().any(|task| is_open(&task)) {
            return Ok(());
        }
        let unasked = self.run.tasks.iter().filter(|task| task.is_unasked());
        let skipped = |task: &Task| {
            let (task, reason) = (task.spec.id.clone(), UNASKED.to_owned());
            Event::TaskSkipped { task, reason, by_condition: false }
        };
        let skipped: Vec<Event> = unasked.map(skipped).collect();
        skipped.into_iter().try_for_each(|event| self.record(event))
    }
}
