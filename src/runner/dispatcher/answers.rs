//! Reads what reviewers have only written down: an agent that ends without having handed in its review may have said it all
//! the same.

use super::Dispatcher;
use crate::domain::event::Event;
use crate::domain::review::foreign::{self, NoAnswer};
use crate::domain::submission::{HandedIn, ReviewBody};
use crate::runner::reviewing;
use crate::store::StoreError;

/// By what such a review is known among those that were handed in.
const REQUEST: &str = "last-words";

impl Dispatcher<'_> {
    /// Takes in the review that is in an agent's last words, where they hold one.
    pub(super) fn take_written_review(&mut self, place: usize, words: &str) -> Result<(), StoreError> {
        match self.is_to_be_read(place).then(|| foreign::read_answer(words)) {
            Some(Ok(review)) => self.record_written(place, review),
            Some(Err(_)) | None => Ok(()),
        }
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
        self.record_written(place, foreign::unparsable(&words, &why))
    }

    fn is_to_be_read(&self, place: usize) -> bool {
        let (task, open) = (&self.run.tasks[place], self.open.get(&place));
        task.spec.reviews.is_some() && open.is_some_and(|open| open.ended_in_silence(task))
    }

    fn record_written(&mut self, place: usize, review: ReviewBody) -> Result<(), StoreError> {
        let (task, Some(open)) = (&self.run.tasks[place], self.open.get(&place)) else { return Ok(()) };
        let Some(attempt) = task.last() else { return Ok(()) };
        let (repository, asker) = (&self.setup.repository, (task, attempt));
        let review = reviewing::take_written(repository, &self.run, asker, review, &open.words);
        self.record(Event::SubmissionAccepted {
            task: task.spec.id.clone(),
            attempt: attempt.number,
            request: REQUEST.into(),
            handed_in: HandedIn::Review(review),
            ignored: Vec::new(),
        })
    }
}
