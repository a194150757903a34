//! Gives tasks up that were tried as often as they may be, and says so where there are too many of them.

use super::Dispatcher;
use crate::domain::dead_letter;
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::Event;
use crate::domain::redact::Redactor;
use crate::domain::retry::RetryReason;
use crate::runner::{clock, dead_letters};
use crate::store::StoreError;

impl Dispatcher<'_> {
    /// Gives a task up whose newest attempt has just failed for good, where it was tried as often as it may be.
    pub(super) fn give_up_where_exhausted(
        &mut self,
        place: usize,
        kind: Option<ErrorKind>,
        not_again: Option<RetryReason>,
        words: &Redactor,
    ) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let why = dead_letter::after_end(task, kind, not_again).filter(|_| task.may_be_given_up());
        let Some(why) = why else { return Ok(()) };
        let letter = dead_letter::letter(task, why, ("crew", ""));
        self.record(dead_letters::with_tail(letter, task, &self.paths, words))?;
        let unwritten =
            |wanted: fn(&Event) -> bool| self.batch.iter().filter(|applied| wanted(applied.event())).count();
        if unwritten(|event| matches!(event, Event::DeadLettersPiledUp { .. })) > 0 {
            return Ok(());
        }
        let letters = unwritten(|event| matches!(event, Event::TaskDeadLettered { .. }));
        dead_letters::piled_up(self.store, letters, clock::now())?.map_or(Ok(()), |told| self.record(told))
    }
}
