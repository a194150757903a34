//! Gives tasks up that were tried as often as they may be or whose agent seems dead, and says so where there are too many
//! of them.

use super::Dispatcher;
use crate::domain::dead_letter;
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::Event;
use crate::domain::redact::Redactor;
use crate::domain::retry::RetryReason;
use crate::runner::{clock, dead_letters};
use crate::store::StoreError;
use std::time::Duration;

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
        let letter = why.map(|why| dead_letter::letter(task, why, ("crew", "")));
        letter.map_or(Ok(()), |letter| self.file(place, letter, words))
    }

    /// Tells of a task whose agent has been quiet for so long.
    pub(super) fn file_lifeless(&mut self, place: usize, quiet: Duration) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(open) = self.open.get(&place).filter(|_| task.dead_letter.is_none()) else { return Ok(()) };
        let (letter, words) = (dead_letter::lifeless(task, quiet), open.words.clone());
        self.file(place, letter, &words)
    }

    /// Takes a letter back of an agent that was thought to be dead.
    pub(super) fn unfile_lifeless(&mut self, place: usize, reason: &str) -> Result<(), StoreError> {
        dead_letter::revived(&self.run.tasks[place], reason).map_or(Ok(()), |event| self.record(event))
    }

    fn file(&mut self, place: usize, letter: Event, words: &Redactor) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
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
