//! Reads what reviewers have only written down: an agent that ends without having handed in its review may have said it all
//! the same.

use super::{Dispatcher, Effect};
use crate::domain::event::Event;
use crate::domain::redact::Redactor;
use crate::domain::review::foreign::{self, NoAnswer};
use crate::domain::submission::{HandedIn, ReviewBody};
use crate::runner::reviewing::{self, Reading};
use crate::runner::slots::Errand;
use crate::store::StoreError;
use std::sync::Arc;

/// By what such a review is known among those that were handed in.
const REQUEST: &str = "last-words";

impl Dispatcher<'_> {
    /// Begins to read the review that is in an agent's last words, where they hold one. Its attempt waits for that.
    pub(super) fn reads_written_review(&mut self, place: usize, words: &str) -> bool {
        let written = self.is_to_be_read(place).then(|| foreign::read_answer(words).ok()).flatten();
        let Some((review, (reading, words))) = written.zip(self.reading_of(place)) else { return false };
        let (review, reading) = (Box::new(review), Box::new(reading));
        self.reading.begin_words(place);
        self.effects.push(Effect::Start(Errand::ReadWritten { place, review, reading, words }));
        true
    }

    /// Takes in a review that was only written down, and goes on with its attempt.
    pub(super) fn note_read_written(&mut self, place: usize, review: ReviewBody) -> Result<(), StoreError> {
        self.reading.end(place);
        if let Some(open) = self.open.get_mut(&place) {
            open.note_stop_meanwhile();
        }
        self.record_written(place, review)?;
        self.go_on_after_words(place)
    }

    /// Takes in last words that hold no review as what they are, once nobody can be asked for a better answer. Who tried to
    /// hand in a review and was refused has failed with that.
    pub(super) fn take_other_words(&mut self, place: usize) -> Result<(), StoreError> {
        let (task, Some(open)) = (&self.run.tasks[place], self.open.get(&place)) else { return Ok(()) };
        let was_refused = task.last().is_some_and(|attempt| attempt.refusal.is_some());
        let words = open.heard.last_words.trim().to_owned();
        if was_refused || words.is_empty() || !self.is_to_be_read(place) {
            return Ok(());
        }
        let why = foreign::read_answer(&words).err().unwrap_or(NoAnswer::NoObject);
        let Some((reading, hidden)) = self.reading_of(place) else { return Ok(()) };
        // It names no file, so none is read.
        self.record_written(place, reading.read_written(foreign::unparsable(&words, &why), &hidden))
    }

    fn is_to_be_read(&self, place: usize) -> bool {
        let (task, open) = (&self.run.tasks[place], self.open.get(&place));
        task.spec.reviews.is_some() && open.is_some_and(|open| open.ended_in_silence(task))
    }

    /// Returns what it takes to read the words of an open attempt.
    fn reading_of(&self, place: usize) -> Option<(Reading, Arc<Redactor>)> {
        let (task, open) = (&self.run.tasks[place], self.open.get(&place)?);
        let reading = Reading::of(&self.setup.repository, &self.run, (task, task.last()?));
        Some((reading, open.words.clone()))
    }

    fn record_written(&mut self, place: usize, review: ReviewBody) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(attempt) = task.last().filter(|_| self.open.contains_key(&place)) else { return Ok(()) };
        let accepted = Event::SubmissionAccepted {
            task: task.spec.id.clone(),
            attempt: attempt.number,
            request: REQUEST.into(),
            handed_in: HandedIn::Review(review),
            ignored: Vec::new(),
        };
        reviewing::with_decisions(&self.run, accepted).into_iter().try_for_each(|event| self.record(event))
    }
}
