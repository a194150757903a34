//! What a dead letter needs of the world around it: the end of its log, and how many there were within the last hour.

use crate::domain::dead_letter::{self, MAX_TAIL};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::Event;
use crate::domain::redact::Redactor;
use crate::domain::task::Task;
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::layout::{self, RunPaths};
use crate::store::log_tail;

/// Puts the end of the log into a dead letter of a task: of the checks, where one of them failed. Any other event stays as
/// it is.
pub fn with_tail(letter: Event, task: &Task, paths: &RunPaths, words: &Redactor) -> Event {
    let mut letter = letter;
    if let Event::TaskDeadLettered { task: id, attempt, tail, .. } = &mut letter {
        let read = |log: String| log_tail::safe_tail(&paths.root().join(log), words, MAX_TAIL as u64);
        let of_checks = || read(layout::verification_log_of(id, *attempt));
        // A command step fails by its own exit code, and has no other log.
        let failed_check = task.error_kind() == Some(ErrorKind::VerifyFailed);
        let found = failed_check.then(of_checks).flatten().filter(|tail| !tail.is_empty());
        // One that never ran has none at all.
        *tail = found.or_else(|| read(layout::log_of(id, *attempt))).unwrap_or_default();
    }
    letter
}

/// Returns what is to be recorded where too many tasks of the repository were given up within the last hour and nobody was
/// told of that. `unwritten` dead letters are not in the store yet.
pub fn piled_up(store: &Store, unwritten: usize, now: Time) -> Result<Option<Event>, StoreError> {
    let since = Time(now.0 - dead_letter::WINDOW.as_millis() as i64);
    let (mut at, told) = store.dead_letter_times(since)?;
    at.extend(std::iter::repeat_n(now, unwritten));
    Ok(dead_letter::piled_up(&at, told, now).map(|count| Event::DeadLettersPiledUp { count }))
}
