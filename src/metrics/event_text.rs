//! Events as they lie in a store, beside their kinds.
//!
//! [`Event`] is read whole before its kind is known, which takes more than twice as long as to read one of a kind. So those of
//! which each attempt has one are read as what they are; the compiler sees to it that they have all their fields. Of those
//! that lead to no other state, no more is read than is measured.

use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Again, ArtifactKind, Ending, Event, Limited, Outcome, ToolResult};
use crate::domain::id::TaskId;
use crate::domain::retry::RetryReason;
use crate::domain::task::{TaskSpec, Work};
use crate::domain::usage::Usage;
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

/// What is measured of an event that leads to no other state, in the words of [`Event`].
pub enum Light<'a> {
    Session(OfAttempt<'a>),
    Tool(ToolCall<'a>),
    Verification(Verified<'a>),
    Artifact(Kept),
}

/// Which attempt an event is of.
pub struct OfAttempt<'a> {
    pub task: &'a str,
    pub attempt: u32,
}

pub struct ToolCall<'a> {
    pub of: OfAttempt<'a>,
    pub tool: &'a str,
    pub result: ToolResult,
    pub millis: u64,
}

#[derive(Deserialize)]
pub struct Verified<'a> {
    pub task: &'a str,
    pub attempt: u32,
    pub ending: Ending,
    #[serde(default)]
    pub cached: bool,
}

pub struct Kept {
    pub artifact: ArtifactKind,
    pub bytes: u64,
}

impl Light<'_> {
    /// Reads a part of an event; nothing where it is of another kind, or written in another way.
    pub fn read<'a>(kind: &str, data: &'a str) -> Option<Light<'a>> {
        Some(match kind {
            "session_started" => Light::Session(OfAttempt::begin(kind, data)?.0),
            "tool_invoked" => Light::Tool(ToolCall::read(data)?),
            "verification_ended" => Light::Verification(serde_json::from_str(data).ok()?),
            "artifact_kept" => Light::Artifact(Kept::read(data)?),
            _ => return None,
        })
    }
}

impl OfAttempt<'_> {
    /// Reads the beginning of an event, as crew writes it, and returns what comes behind it.
    fn begin<'a>(kind: &str, data: &'a str) -> Option<(OfAttempt<'a>, &'a str)> {
        let rest = data.strip_prefix(r#"{"kind":""#)?.strip_prefix(kind)?.strip_prefix(r#"","task":""#)?;
        let (task, rest) = plain(rest)?;
        let rest = rest.strip_prefix(r#","attempt":"#)?;
        let (attempt, rest) = digits(rest)?;
        Some((OfAttempt { task, attempt: attempt.parse().ok()? }, rest))
    }
}

impl ToolCall<'_> {
    /// Reads a call of a tool from both ends: what the tool was called with lies between them, and may be long.
    ///
    /// Within a string there is a backslash before each quote, so that nothing in it can be taken for what ends the event.
    fn read(data: &str) -> Option<ToolCall<'_>> {
        let (of, rest) = OfAttempt::begin("tool_invoked", data)?;
        let (tool, rest) = plain(rest.strip_prefix(r#","tool":""#)?)?;
        let (rest, millis) = behind_last(rest.strip_suffix('}')?, b':')?;
        let (rest, result) = behind_last(rest.strip_suffix(r#"","millis":"#)?, b'"')?;
        rest.strip_suffix(r#"","result":""#)?.strip_prefix(r#","arguments":""#)?;
        Some(ToolCall { of, tool, result: word(result)?, millis: millis.parse().ok()? })
    }
}

impl Kept {
    fn read(data: &str) -> Option<Kept> {
        let (_, rest) = OfAttempt::begin("artifact_kept", data)?;
        let (artifact, rest) = plain(rest.strip_prefix(r#","artifact":""#)?)?;
        let (_path, rest) = plain(rest.strip_prefix(r#","path":""#)?)?;
        let (bytes, _) = digits(rest.strip_prefix(r#","bytes":"#)?)?;
        Some(Kept { artifact: word(artifact)?, bytes: bytes.parse().ok()? })
    }
}

/// Reads the name of one of a few.
fn word<'a, T: Deserialize<'a>>(name: &'a str) -> Option<T> {
    T::deserialize(StrDeserializer::<Error>::new(name)).ok()
}

/// Splits behind the digits of a number that is not the last of its text.
fn digits(text: &str) -> Option<(&str, &str)> {
    Some(text.split_at(text.bytes().position(|byte| !byte.is_ascii_digit())?))
}

/// Splits behind the last of a sign, which is near.
fn behind_last(text: &str, sign: u8) -> Option<(&str, &str)> {
    Some(text.split_at(text.bytes().rposition(|byte| byte == sign)? + 1))
}

/// Splits behind the end of a string in which nothing is escaped.
fn plain(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let (words, rest) = text.split_at(end);
    Some((words, rest.strip_prefix('"')?))
}

/// Reads an event of a kind, without some of what nothing depends on that is measured: what an agent is told, where its attempt
/// works and writes, and by what it is known. Nothing is returned where it cannot be read.
pub fn read(kind: &str, data: &str) -> Option<Event> {
    #[derive(Deserialize)]
    struct Started {
        task: TaskId,
        attempt: u32,
        agent: String,
        model: Option<String>,
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
            let mut created: Created = match without_prompt(data) {
                Some(short) => serde_json::from_str(&short).ok()?,
                None => serde_json::from_str(data).ok()?,
            };
            if let Work::Agent { task, .. } = &mut created.spec.work {
                task.clear();
            }
            Some(Event::TaskCreated { spec: created.spec })
        }
        "attempt_started" => {
            let Started { task, attempt, agent, model } = serde_json::from_str(data).ok()?;
            let (token_hash, log) = Default::default();
            Some(Event::AttemptStarted { task, attempt, agent, model, token_hash, log, folder: None })
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
        _ => read_short(kind, data).or_else(|| serde_json::from_str(data).ok()),
    }
}

#[derive(Deserialize)]
struct Created {
    spec: TaskSpec,
}

/// Returns the making of an agent's task without what the agent is told, which is most of the text; nothing where that is
/// another, or written in another way.
fn without_prompt(created: &str) -> Option<String> {
    let mut rest = created;
    let before = [
        r#"{"kind":"task_created","spec":{"id":""#,
        r#","work":{"agent":{"role":""#,
        r#","program":""#,
        r#","persona":""#,
    ];
    for before in before {
        (_, rest) = plain(rest.strip_prefix(before)?)?;
    }
    rest = rest.strip_prefix(r#","task":""#)?;
    let begin = created.len() - rest.len();
    loop {
        let (words, behind) = rest.split_once('"')?;
        rest = behind;
        // A quote behind an odd number of backslashes is a part of the words.
        if (words.len() - words.trim_end_matches('\\').len()).is_multiple_of(2) {
            return Some([&created[..begin], "\"", rest].concat());
        }
    }
}

/// Reads an event that says little more than which attempt it is of; nothing where it is another, or written in another way.
fn read_short(kind: &str, data: &str) -> Option<Event> {
    let of = |of: &OfAttempt<'_>| Some((TaskId::parse(of.task)?, of.attempt));
    match kind {
        "process_started" => {
            let (begin, rest) = OfAttempt::begin(kind, data)?;
            let (task, attempt) = of(&begin)?;
            let process = rest.strip_prefix(r#","process":"#)?.strip_suffix('}')?;
            Some(Event::ProcessStarted { task, attempt, process: serde_json::from_str(process).ok()? })
        }
        "verification_started" => {
            let (begin, "}") = OfAttempt::begin(kind, data)? else { return None };
            let (task, attempt) = of(&begin)?;
            Some(Event::VerificationStarted { task, attempt })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;
    use serde_json::json;

    fn leave_out(event: &mut Event) {
        match event {
            Event::TaskCreated { spec: TaskSpec { work: Work::Agent { task, .. }, .. } } => task.clear(),
            Event::AttemptStarted { token_hash, log, folder, .. } => {
                token_hash.clear();
                log.clear();
                *folder = None;
            }
            _ => {}
        }
    }

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
            let mut known: Event = serde_json::from_value(event.clone()).unwrap();
            assert_eq!(serde_json::to_value(&known).unwrap(), event, "each field is there");
            let as_written = serde_json::to_string(&known).unwrap();
            leave_out(&mut known);
            for text in [&as_written, &event.to_string(), &serde_json::to_string_pretty(&event).unwrap()] {
                assert_eq!(read(&kind, text), Some(known.clone()), "{text}");
            }
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
            let mut known: Event = serde_json::from_value(bare.clone()).unwrap();
            leave_out(&mut known);
            assert_eq!(read(&kind, &bare.to_string()), Some(known), "{bare}");
        }
        assert_eq!(read("attempt_ended", "{}"), None);
    }

    /// Words that look like what an event is made of.
    const TRICKY: [&str; 9] = [
        "",
        "\"",
        "\\",
        "\\\"",
        "a\\\\",
        r#"","result":"ok","millis":5}"#,
        r#"\","result":"ok","millis":5}"#,
        r#"x","arguments":"","result":"denied","millis":1}"#,
        "\n\u{7}\u{1f980}\u{2028}",
    ];

    #[test]
    fn a_call_of_a_tool_is_what_was_called_whatever_it_was_called_with() {
        let task = TaskId::parse("a-b").unwrap();
        for (arguments, tool) in
            TRICKY.iter().flat_map(|one| TRICKY.map(|other| (one.to_string(), other.to_owned())))
        {
            let is_plain = serde_json::to_string(&tool).unwrap() == format!("\"{tool}\"");
            let event = Event::ToolInvoked {
                task: task.clone(),
                attempt: 12,
                tool: tool.clone(),
                arguments,
                result: ToolResult::Error,
                millis: 345,
            };
            let text = serde_json::to_string(&event).unwrap();
            match Light::read("tool_invoked", &text) {
                Some(Light::Tool(call)) => {
                    let found = (call.of.task, call.of.attempt, call.tool, call.result, call.millis);
                    assert_eq!(found, ("a-b", 12, &*tool, ToolResult::Error, 345), "{text}");
                }
                _ => assert!(!is_plain, "{text}"),
            }
            assert_eq!(read("tool_invoked", &text), Some(event));
        }
    }

    #[test]
    fn what_is_written_in_another_way_is_not_read_in_a_part() {
        let whole = r#"{"kind":"tool_invoked","task":"a","attempt":1,"tool":"B","arguments":"x","result":"ok","millis":5}"#;
        assert!(Light::read("tool_invoked", whole).is_some());
        for (from, to) in [
            ("\"result\":\"ok\"", "\"ok\":true"),
            ("\"arguments\":\"x\"", "\"arguments\":[]"),
            (",\"arguments\":\"x\"", ""),
            ("\"ok\"", "\"other\""),
            (":1,", ":-1,"),
            (":5", ":5.5"),
            (":5", ""),
            (",\"", ", \""),
            ("tool_invoked", "artifact_kept"),
        ] {
            assert!(whole.contains(from), "{from}");
            assert!(Light::read("tool_invoked", &whole.replacen(from, to, 1)).is_none(), "{to}");
        }
        for end in 0..whole.len() {
            assert!(Light::read("tool_invoked", &whole[..end]).is_none(), "{end}");
        }
        let kept = r#"{"kind":"artifact_kept","task":"a","attempt":1,"artifact":"result","path":"a/b","bytes":7,"sha256":"c"}"#;
        let Some(Light::Artifact(Kept { artifact, bytes: 7 })) = Light::read("artifact_kept", kept) else {
            panic!()
        };
        assert_eq!(artifact, ArtifactKind::Result);
        assert!(Light::read("artifact_kept", &kept.replace("a/b", "a\\nb")).is_none());
    }

    #[test]
    fn what_an_agent_is_told_is_left_out_whatever_it_is() {
        for prompt in TRICKY.iter().chain(&[r#"","task":"x"#, "a\nb"]) {
            let work = json!({"agent": {"role": "r", "program": "p", "persona": "q", "task": prompt, "writes": true}});
            let event =
                json!({"kind": "task_created", "spec": {"id": "a", "work": work, "verify": [prompt]}});
            let known: Event = serde_json::from_value(event).unwrap();
            let text = serde_json::to_string(&known).unwrap();
            assert!(without_prompt(&text).is_some_and(|short| short.contains(r#""task":"","#)), "{text}");
            let Some(Event::TaskCreated { spec }) = read("task_created", &text) else { panic!("{text}") };
            let Work::Agent { role, task, writes: true, .. } = &spec.work else { panic!("{text}") };
            assert_eq!((&**role, &**task, &spec.verify[0]), ("r", "", &prompt.to_string()), "{text}");
        }
    }
}
