//! Looks after what a dead owner's children still do, instead of ending it.
//!
//! # How it works
//!
//! A slot waits for the end of such a child, which is nobody's child any more. What it hands in comes through the inbox,
//! and its limits hold as for any other. Nobody sees how it ends, so it is judged by what it handed in, as one is that had
//! ended before; without that it is lost.

use super::{Dispatcher, Effect};
use crate::domain::event::{Ending, Event};
use crate::domain::judgement::StopReason;
use crate::domain::recovery::{Verdict, verdict};
use crate::domain::task::{AttemptState, TaskState};
use crate::runner::adopted::{Adopted, AfterAdoption};
use crate::runner::attempt::{Closing, OpenAttempt};
use crate::runner::child::Control;
use crate::runner::clock;
use crate::runner::environment::hiding_ours;
use crate::runner::process;
use crate::runner::slots::{Errand, Heard, Part};
use crate::store::StoreError;
use crate::store::artifacts::sha256;
use crate::store::layout;
use std::sync::Arc;
use std::time::Instant;

impl Dispatcher<'_> {
    /// Tells whether the child of an attempt that a dead owner left is looked after: it works and may go on, or it cannot
    /// be told whether it does.
    pub(super) fn may_adopt(&self, place: usize) -> bool {
        let left = self.run.tasks[place].last().filter(|left| left.state == AttemptState::Running);
        let Some(process) = left.and_then(|left| left.process.as_ref()) else { return false };
        match verdict(&process::sight(process)) {
            Verdict::Gone => false,
            Verdict::Lives => self.goes_on(place),
            Verdict::Unsure(_) => true,
        }
    }

    /// Tells whether a child that lives is left at work. How a command ends says all about it, and nobody would see that.
    fn goes_on(&self, place: usize) -> bool {
        let task = &self.run.tasks[place];
        self.setup.limits.adopts && task.spec.is_for_agent() && task.cancel.is_none()
    }

    /// Looks after the child of an attempt that a dead owner left.
    pub(super) fn adopt(&mut self, place: usize) -> Result<(), StoreError> {
        let goes_on = self.goes_on(place);
        let task = &self.run.tasks[place];
        let Some((left, process)) = task.last().and_then(|left| Some((left, left.process.clone()?))) else {
            return Ok(());
        };
        let (number, began) = (left.number, left.started_at);
        let log = self.paths.root().join(layout::log_of(&task.spec.id, number));
        // Its own token is known to nobody until it asks for something.
        let mut open = OpenAttempt::new(task, (number, clock::new_token()), log, self.setup.limits.attempt);
        open.adopted = true;
        // It began before we did.
        let left_of_time = open.limit.saturating_sub(clock::now().since(began));
        open.deadline = Instant::now() + left_of_time;
        open.control = Arc::new(Control::of_left(process.clone()));
        open.words = Arc::new(hiding_ours(&[]));
        open.tree = self.own_tree(place, number);
        let adopted = Adopted {
            process: process.clone(),
            marks: self.marks_of(place).into(),
            grace: self.setup.limits.grace,
            between_looks: self.setup.limits.between_looks,
            ends: !goes_on,
        };
        let control = open.control.clone();
        self.open.insert(place, open);
        if self.run.tasks[place].cancel.is_some() {
            self.stop_child(place, StopReason::Cancelled);
        }
        self.effects.push(Effect::Start(Errand::Adopt { place, adopted: Box::new(adopted), control }));
        let task = self.run.tasks[place].spec.id.clone();
        self.record(Event::AttemptAdopted { task, attempt: number, process })
    }

    /// Learns the token of an attempt that was adopted, when it is used.
    pub(super) fn learn_token(&mut self, token: &str) {
        if !self.open.values().any(|open| open.adopted) {
            return;
        }
        let hash = sha256(token.as_bytes());
        let tasks = &self.run.tasks;
        let is_its = |place: &usize| tasks[*place].last().is_some_and(|attempt| attempt.token_hash == hash);
        let mut adopted = self.open.iter_mut().filter(|(place, open)| open.adopted && is_its(place));
        if let Some((_, open)) = adopted.next() {
            open.token = token.to_owned();
            open.words = Arc::new(hiding_ours(&[("CREW_TOKEN".into(), token.into())]));
        }
    }

    /// Takes in that an adopted child has ended, or that it cannot be told whether it has.
    pub(super) fn note_adopted_end(&mut self, place: usize, after: AfterAdoption) -> Result<(), StoreError> {
        // Its slot has ended what it had put aside. What it handed in before it ended counts.
        self.look_into_inbox()?;
        let Some(open) = self.open.get(&place) else { return Ok(()) };
        match after {
            AfterAdoption::Unsure(seen) => {
                let pid = self.run.tasks[place].last().and_then(|left| left.process.as_ref());
                let pid = pid.map_or(0, |process| process.pid);
                let why = format!("crew cannot tell whether its process {pid} still works: {seen}");
                self.close_adopted(place, Some(&why))
            }
            AfterAdoption::Ended if open.stopped.is_some() => {
                let ending = Ending { unwatched: true, ..Ending::default() };
                self.note_end(place, Part::Work, (ending, Heard::default(), None))
            }
            AfterAdoption::Ended if self.may_take_up(place)? => self.take_up(place),
            AfterAdoption::Ended => self.close_adopted(place, None),
        }
    }

    /// Has kept what an adopted child left that is gone, and settles its attempt after that: git takes its time, and others
    /// are at work.
    fn close_adopted(&mut self, place: usize, unsure: Option<&str>) -> Result<(), StoreError> {
        let closing = Closing { unsure: unsure.map(str::to_owned), files: self.finish_files(place)? };
        let Some(keeping) = self.keeping_of_left(place) else {
            return self.end_adopted(place, &closing, None);
        };
        if let Some(open) = self.open.get_mut(&place) {
            open.closing = Some(closing);
            self.effects.push(Effect::Start(Errand::Keep { place, keeping }));
        }
        Ok(())
    }

    /// Settles the attempt of an adopted child that is gone; `unkept` says why not all that it left could be kept.
    pub(super) fn end_adopted(
        &mut self,
        place: usize,
        closing: &Closing,
        unkept: Option<String>,
    ) -> Result<(), StoreError> {
        let Some(open) = self.open.remove(&place) else { return Ok(()) };
        self.note_gone(place, &open);
        self.close_kept(place, closing, unkept)?;
        match self.run.tasks[place].state {
            TaskState::Queued => self.schedule.note_queued(&self.run, place),
            TaskState::AwaitingInput => {}
            state => {
                let is_good = matches!(state, TaskState::Completed | TaskState::Cancelled);
                return self.note_settled(place, is_good);
            }
        }
        Ok(())
    }
}
