//! Writes what was decided, in one transaction, and then acts on it.

use super::{Dispatcher, Effect, GROUPING};
use crate::domain::event::Event;
use crate::runner::clock;
use crate::runner::kept_output::KeptOutput;
use crate::store::StoreError;
use crate::store::copies;
use crate::store::database::Applied;
use crate::store::inbox;
use std::time::Instant;

impl Dispatcher<'_> {
    /// Writes what was decided, in one transaction, and then acts on it.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if self.may_wait_for_company() {
            return Ok(());
        }
        let (batch, answered) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.answered));
        self.batch_began = None;
        let recorded = match batch.is_empty() && answered.is_empty() {
            true => Vec::new(),
            false => self.store.append(&mut self.run, batch, &answered)?,
        };
        if let (Some(first), Some(last)) = (recorded.first(), recorded.last()) {
            tracing::debug!(events = recorded.len(), from_seq = first.seq, to_seq = last.seq, "recorded");
        }
        if !self.effects.is_empty() {
            tracing::debug!(effects = self.effects.len(), "acts upon it");
        }
        let mut answers = Vec::new();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Start(errand) => {
                    let of_requests = usize::from(self.keeps_first.is_under_way()) + self.reading.count();
                    self.slots
                        .run(errand, self.open.len() + self.leaving.len() + of_requests)
                        .map_err(StoreError::file("a thread for a task"))?;
                }
                Effect::Forget(folder) => folder.forget(),
                Effect::ForgetOutput(kept) => kept.iter().for_each(KeptOutput::remove),
                Effect::Answer { is_awaited: false, .. } => {}
                Effect::Answer { incoming, answer, .. } => answers.push((incoming, answer)),
            }
        }
        if recorded.iter().any(|recorded| recorded.event.is_final()) {
            self.store.sync()?;
        }
        recorded.iter().for_each(|event| self.observer.happened(&self.run, event));
        for (incoming, answer) in answers {
            if inbox::answer(&self.paths.inbox(), &incoming, &answer).is_err() {
                // What was asked is applied and recorded; whoever asked made it impossible to say so.
                self.unanswerable.insert(incoming.id);
            }
        }
        Ok(())
    }

    /// Tells whether what was decided is progress that nobody waits for, so that it can share the next commit.
    pub(super) fn may_wait_for_company(&mut self) -> bool {
        let urgent = |applied: &Applied| {
            applied.event().is_final() || matches!(applied.event(), Event::AttemptStarted { .. })
        };
        if self.open.is_empty()
            || !self.effects.is_empty()
            || !self.answered.is_empty()
            || self.batch.iter().any(urgent)
        {
            return false;
        }
        let began = *self.batch_began.get_or_insert_with(Instant::now);
        began.elapsed() < GROUPING
    }

    pub(super) fn copy_when_due(&mut self) -> Result<(), StoreError> {
        if self.copied.is_due(self.run.last_seq) {
            self.copy(true)?;
        }
        Ok(())
    }

    /// Writes the copies. That they cannot be written is told once.
    pub(super) fn copy(&mut self, owned: bool) -> Result<(), StoreError> {
        let began = Instant::now();
        let artifacts = self.store.artifacts(&self.run.id)?;
        match copies::write(&self.paths, &self.run, &artifacts, owned, clock::now()) {
            Ok(()) => self.copied.note(began, self.run.last_seq),
            // What happened is in the store: nobody's work ends for want of a copy.
            Err(error) if self.copied.put_off() => self.observer.uncopied(&self.run, &error.to_string()),
            Err(_) => {}
        }
        Ok(())
    }
}
