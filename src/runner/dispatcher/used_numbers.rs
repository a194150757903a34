//! Gives out the numbers of attempts, none twice.
//!
//! The record may know less than what happened: a store that was damaged was cut short, or an older copy of it was put back.
//! Then logs and kept work tell of attempts that it does not know. Whoever took such a number again would write over them, so
//! they are recorded as lost.

use super::Dispatcher;
use crate::domain::event::{Again, Ending, Event, Outcome};
use crate::domain::id::TaskId;
use crate::domain::usage::Usage;
use crate::runner::clock;
use crate::store::StoreError;
use crate::store::layout;
use crate::workspace::custody;
use std::collections::HashMap;

/// The most attempts of a task that the record may lack; more would be files that somebody else made.
const MOST_LACKING: u32 = 100;

impl Dispatcher<'_> {
    /// Finds the numbers that were given out and that the record does not know. Nothing is there of a run that begins.
    pub(super) fn find_used_numbers(&mut self) {
        if self.run.dispatcher.is_none() {
            return;
        }
        let logs = std::fs::read_dir(self.paths.logs()).into_iter().flatten().flatten();
        let logs = logs.filter_map(|entry| layout::attempt_of_log(entry.file_name().to_str()?));
        // Without git, no task that it keeps anything of can work.
        let kept = custody::attempts_of(&self.setup.repository, self.run.id.as_str()).unwrap_or_default();
        let kept = kept.into_iter().filter_map(|(task, number)| Some((TaskId::parse(&task)?, number)));
        let mut used: HashMap<TaskId, u32> = HashMap::new();
        for (task, number) in logs.chain(kept) {
            let known = self.run.task(&task).map_or(u32::MAX, |task| task.attempts.len() as u32);
            if number > known && number - known <= MOST_LACKING {
                used.entry(task).and_modify(|last| *last = number.max(*last)).or_insert(number);
            }
        }
        self.used_numbers = used;
    }

    /// Returns the number of the next attempt of a task that is queued. Those before it that the record lacks are recorded.
    pub(super) fn next_number(&mut self, place: usize) -> Result<u32, StoreError> {
        let task = self.run.tasks[place].spec.id.clone();
        let used = self.used_numbers.remove(&task).unwrap_or_default();
        let next = |of: &Self| of.run.tasks[place].attempts.len() as u32 + 1;
        while next(self) <= used {
            self.record_lacking(place, next(self))?;
        }
        Ok(next(self))
    }

    fn record_lacking(&mut self, place: usize, number: u32) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let id = task.spec.id.clone();
        let started = Event::AttemptStarted {
            task: id.clone(),
            attempt: number,
            agent: task.spec.program().to_owned(),
            model: None,
            token_hash: String::new(),
            log: layout::log_of(&id, number),
            folder: self.setup.recorded_folder_of(&self.run, task),
        };
        self.record(started)?;
        self.record(Event::AttemptEnded {
            task: id,
            attempt: number,
            outcome: Outcome::Lost,
            error_kind: None,
            reason: "its log or its work is here, and the record of it was lost".into(),
            ending: Ending { unwatched: true, ..Ending::default() },
            usage: Usage::default(),
            summary: String::new(),
            again: Some(Again { not_before: clock::now(), reason: "record_lost".into() }),
            not_again: None,
            limited: None,
            unkept: String::new(),
        })
    }
}
