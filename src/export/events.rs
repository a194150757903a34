//! The record as it leaves: each event as it was recorded, without secrets.

use super::{ExportError, hiding};
use crate::domain::event::{Event, Recorded};
use crate::domain::id::RunId;
use crate::domain::redact::Redactor;
use crate::domain::words::visible_json;
use crate::store::database::Store;

/// Returns an event with all that is written in it harmless and without secrets, by people and by crew itself too.
pub fn made_safe(event: Event, words: &Redactor) -> Result<Event, ExportError> {
    let text = serde_json::to_string(&event)?;
    // In JSON, what is harmless looks harmless, but for what is written as `\u001b`.
    if !words.is_worth_a_look(&text) && !text.contains("\\u") {
        return Ok(event);
    }
    let names: Vec<&str> = event.task().iter().map(|task| task.as_str()).collect();
    Ok(hiding::hidden(&event, words, &names)?)
}

/// Returns the events of a run, oldest first, a line of JSON each.
pub fn lines(store: &Store, run: &RunId, words: &Redactor) -> Result<String, ExportError> {
    let mut text = String::new();
    for recorded in store.events(run, 0, usize::MAX)? {
        text.push_str(&line(recorded, words)?);
    }
    Ok(text)
}

/// Returns one event as a line of JSON.
pub fn line(recorded: Recorded, words: &Redactor) -> Result<String, ExportError> {
    let safe = Recorded { event: made_safe(recorded.event, words)?, ..recorded };
    line_of_safe(&safe)
}

/// Returns one event as a line of JSON, which has been made safe.
pub fn line_of_safe(safe: &Recorded) -> Result<String, ExportError> {
    Ok(format!("{}\n", visible_json(&serde_json::to_string(safe)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::tests::spec;
    use crate::domain::task::Work;

    #[test]
    fn what_a_person_typed_leaves_without_secrets_and_everything_else_as_it_was() {
        let secret = format!("ghp_{}", "a1B2".repeat(9));
        let mut with = spec("a", &[]);
        with.work = Work::Command { run: format!("curl -H 'x: {secret}'") };
        let words = Redactor::default();
        let safe = made_safe(Event::TaskCreated { spec: with.clone() }, &words).unwrap();
        let text = serde_json::to_string(&safe).unwrap();
        assert!(!text.contains(&secret) && text.contains("curl -H"), "{text}");
        let plain = Event::TaskCreated { spec: spec("a", &["b"]) };
        assert_eq!(made_safe(plain.clone(), &words).unwrap(), plain);
    }
}
