//! Waits for a person: opens gates, and follows what is decided about them.

use super::Dispatcher;
use crate::domain::event::Event;
use crate::domain::gate::{About, Decision, Gate, GateId};
use crate::domain::id::TaskId;
use crate::domain::schedule::Schedule;
use crate::domain::task::TaskState;
use crate::domain::time::Time;
use crate::runner::clock;
use crate::store::StoreError;
use std::time::Duration;

/// How long a run stays for a question that answers itself, and has nothing else to do.
const WORTH_STAYING: Duration = Duration::from_secs(60);

impl Dispatcher<'_> {
    /// Tells whether an open question answers itself so soon that it is worth staying for.
    pub(super) fn decides_itself_soon(&self) -> bool {
        let itself = |gate: &&Gate| gate.when_overdue() != Decision::Expired;
        let soon = clock::now().plus(WORTH_STAYING);
        self.run.open_gates().filter(itself).filter_map(|gate| gate.expires_at).any(|at| at <= soon)
    }

    /// Records that a person has to decide. A task that is worked on pauses when its attempt ends.
    pub(super) fn open_gate(
        &mut self,
        place: usize,
        attempt: Option<u32>,
        about: About,
        time: Option<Duration>,
    ) -> Result<(), StoreError> {
        let gate = self.store.new_gate()?;
        let task = self.run.tasks[place].spec.id.clone();
        let expires_at = time.map(|time| clock::now().plus(time));
        self.record(Event::GateOpened { gate, task, attempt, about, expires_at })
    }

    /// Decides the gates that nobody decided in time.
    pub(super) fn close_overdue_gates(&mut self) -> Result<(), StoreError> {
        let now = clock::now();
        let overdue: Vec<(GateId, TaskId, Decision)> = (self.run.open_gates())
            .filter(|gate| gate.is_overdue(now))
            .map(|gate| (gate.id, gate.task.clone(), gate.when_overdue()))
            .collect();
        for (gate, task, decision) in overdue {
            let event = Event::GateDecided {
                gate,
                task,
                decision,
                by: "crew".into(),
                note: "nobody decided in time".into(),
            };
            self.record(event.clone())?;
            self.follow(&event)?;
        }
        Ok(())
    }

    /// Lets the schedule follow a person's decision.
    pub(super) fn follow(&mut self, event: &Event) -> Result<(), StoreError> {
        match event {
            Event::GateDecided { task, .. } => {
                let Some(place) = self.run.place(task) else { return Ok(()) };
                match self.run.tasks[place].state {
                    TaskState::Queued => self.schedule.note_queued(&self.run, place),
                    state => return self.note_settled(place, state == TaskState::Completed),
                }
            }
            Event::TaskAccepted { .. } | Event::TaskRequeued { .. } | Event::ReviewRoundBegun { .. } => {
                self.schedule = Schedule::of(&self.run)
            }
            _ => return Ok(()),
        }
        self.skip_impossible()
    }

    /// Returns when the next gate decides itself.
    pub(super) fn next_gate(&self) -> Option<Time> {
        self.run.open_gates().filter_map(|gate| gate.expires_at).min()
    }
}
