//! What happens to a task between two attempts, in words.

use super::event::Event;

/// Says what happened to a task between two attempts; none for what is part of one, or of the run.
pub fn turn_of(event: &Event) -> Option<String> {
    Some(match event {
        Event::TaskRequeued { by, reason, asked, .. } => {
            let mut words = format!("put back to the queue: {reason}");
            if !reason.contains(by.as_str()) {
                words.push_str(&format!(" by {by}"));
            }
            let other = [("agent", &asked.agent), ("model", &asked.model)];
            for (what, name) in other {
                words.extend(name.iter().map(|name| format!(", {what} {name}")));
            }
            if !asked.note.is_empty() {
                words.push_str(&format!(", told: {}", asked.note));
            }
            words
        }
        Event::ReviewRoundBegun { round, .. } => format!("a review asked for changes: round {round}"),
        Event::TaskDeadLettered { why, by, note, .. } => {
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            format!("given up by {by}, {}{note}", why.words())
        }
        Event::DeadLetterDropped { by, reason, .. } => format!("no dead letter any more, by {by}: {reason}"),
        Event::TaskAccepted { by, note, .. } => format!("accepted by {by} {note}"),
        Event::TaskSkipped { reason, .. } => format!("skipped: {reason}"),
        Event::TaskCancelled { reason, .. } => format!("cancelled: {reason}"),
        Event::TaskFailed { error_kind, reason, .. } => format!("failed: {error_kind}: {reason}"),
        _ => return None,
    })
}
