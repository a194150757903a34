//! Events as they lie in a store, beside their kinds.
//!
//! [`Event`] is read whole before its kind is known, which takes more than twice as long as to read one of a kind. So those of
//! which each attempt has one are read as what they are; the compiler sees to it that they have all their fields.

use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Again, Ending, Event, Limited, Outcome, ProcessId};
use crate::domain::id::TaskId;
use crate::domain::retry::RetryReason;
use crate::domain::task::TaskSpec;
use crate::domain::usage::Usage;
use serde::Deserialize;

/// Reads an event of a kind; nothing where it cannot be read.
pub fn read(kind: &str, data: &str) -> Option<Event> {
    #[derive(Deserialize)]
    struct Created {
        spec: TaskSpec,
    }
    #[derive(Deserialize)]
    struct Started {
        task: TaskId,
        attempt: u32,
        agent: String,
        model: Option<String>,
        #[serde(default)]
        token_hash: String,
        log: String,
        folder: Option<String>,
    }
    #[derive(Deserialize)]
    struct Runs {
        task: TaskId,
        attempt: u32,
        process: ProcessId,
    }
    #[derive(Deserialize)]
    struct Checked {
        task: TaskId,
        attempt: u32,
    }
    #[derive(Deserialize)]
    struct Ended {
        task: TaskId,
        attempt: u32,
        outcome: Outcome,
        error_kind: Option<ErrorKind>,
        #[serde(default)]
        reason: String,
        #[serde(default)]
        ending: Ending,
        #[serde(default)]
        usage: Usage,
        #[serde(default)]
        summary: String,
        again: Option<Again>,
        limited: Option<Limited>,
        not_again: Option<RetryReason>,
        #[serde(default)]
        unkept: String,
    }
    match kind {
        "task_created" => {
            let Created { spec } = serde_json::from_str(data).ok()?;
            Some(Event::TaskCreated { spec })
        }
        "attempt_started" => {
            let Started { task, attempt, agent, model, token_hash, log, folder } =
                serde_json::from_str(data).ok()?;
            Some(Event::AttemptStarted { task, attempt, agent, model, token_hash, log, folder })
        }
        "process_started" => {
            let Runs { task, attempt, process } = serde_json::from_str(data).ok()?;
            Some(Event::ProcessStarted { task, attempt, process })
        }
        "verification_started" => {
            let Checked { task, attempt } = serde_json::from_str(data).ok()?;
            Some(Event::VerificationStarted { task, attempt })
        }
        "attempt_ended" => {
            let ended: Ended = serde_json::from_str(data).ok()?;
            let Ended { task, attempt, outcome, error_kind, reason, ending, usage, summary, .. } = ended;
            let Ended { again, limited, not_again, unkept, .. } = ended;
            Some(Event::AttemptEnded {
                task,
                attempt,
                outcome,
                error_kind,
                reason,
                ending,
                usage,
                summary,
                again,
                limited,
                not_again,
                unkept,
            })
        }
        _ => serde_json::from_str(data).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;
    use serde_json::json;

    #[test]
    fn an_event_that_is_read_by_its_kind_is_the_same() {
        let process = json!({"pid": 7, "start": 8, "boot": "b"});
        let ending = json!({"exit": 1, "millis": 2, "cpu_millis": 3, "max_rss_kib": 4, "output_bytes": 5});
        let usage = json!({"input_tokens": 1, "output_tokens": 2, "cached_tokens": 3, "cost_usd": 0.5});
        let work =
            json!({"agent": {"role": "r", "program": "p", "persona": "p", "task": "a\nb", "writes": true}});
        let whole = [
            json!({"kind": "task_created", "spec": {"id": "a", "work": work, "verify": ["x"]}}),
            json!({"kind": "attempt_started", "task": "a", "attempt": 1, "agent": "c", "model": "m", "token_hash": "h",
                "log": "l", "folder": "f"}),
            json!({"kind": "process_started", "task": "a", "attempt": 1, "process": process}),
            json!({"kind": "verification_started", "task": "a", "attempt": 1}),
            json!({"kind": "attempt_ended", "task": "a", "attempt": 1, "outcome": "failed", "error_kind": "rate_limited",
                "reason": "r", "ending": ending, "usage": usage, "summary": "s",
                "again": {"not_before": Time(5), "reason": "r"}, "limited": {"until": Time(6), "pace_millis": 7},
                "not_again": "permanent_error", "unkept": "u"}),
            json!({"kind": "run_ended", "state": "completed"}),
        ];
        for event in whole {
            let kind = event["kind"].as_str().unwrap().to_owned();
            let known: Event = serde_json::from_value(event.clone()).unwrap();
            assert_eq!(read(&kind, &event.to_string()), Some(known.clone()), "{event}");
            assert_eq!(serde_json::to_value(&known).unwrap(), event, "each field is there");
            // As it is written where there is nothing to say.
            let mut bare = event;
            let bare_fields = [
                "model",
                "token_hash",
                "folder",
                "error_kind",
                "reason",
                "ending",
                "usage",
                "summary",
                "again",
                "limited",
                "not_again",
                "unkept",
            ];
            bare_fields.iter().for_each(|field| drop(bare.as_object_mut().unwrap().remove(*field)));
            let known: Event = serde_json::from_value(bare.clone()).unwrap();
            assert_eq!(read(&kind, &bare.to_string()), Some(known), "{bare}");
        }
        assert_eq!(read("attempt_ended", "{}"), None);
    }
}
