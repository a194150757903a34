//! The names that traces go by: those of runs, tasks and attempts, in the form that W3C Trace Context gives them.
//!
//! They follow from what crew has recorded anyway, so that a run of last year has the same ones, and nothing is stored for
//! it. Only who called crew is recorded with the run: nobody could tell later.

use super::gate::GateId;
use super::id::{RunId, TaskId};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;

/// The variable that a process learns its place in a trace from.
pub const VARIABLE: &str = "TRACEPARENT";
/// The variable that holds what those who traced before it hand on: whoever hands on the place hands on this too.
pub const STATE_VARIABLE: &str = "TRACESTATE";
/// The most characters of that which everybody has to hand on (W3C Trace Context, level 1).
const MAX_STATE: usize = 512;

/// Names a trace; never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// Names a span of a trace; never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

/// Returns bytes that follow from the words and look like chance, not all zero.
fn bytes_of<const N: usize>(words: &[&str]) -> [u8; N] {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word);
        // In none of the words.
        hash.update([0]);
    }
    let mut bytes = [0; N];
    bytes.copy_from_slice(&hash.finalize()[..N]);
    // These are no names, says W3C.
    if bytes == [0; N] {
        bytes[N - 1] = 1;
    }
    bytes
}

impl TraceId {
    /// Names the trace of a run that nobody's trace called.
    fn of_run(run: &RunId) -> TraceId {
        TraceId(bytes_of(&["trace", run.as_str()]))
    }

    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl SpanId {
    /// Names a run; `time` counts from 0 how often it was over before.
    pub fn of_run(run: &RunId, time: u32) -> SpanId {
        SpanId(bytes_of(&["run", run.as_str(), &time.to_string()]))
    }

    /// Names the work on a task; `time` counts from 0 how often it was settled before.
    pub fn of_task(run: &RunId, task: &TaskId, time: u32) -> SpanId {
        SpanId(bytes_of(&["task", run.as_str(), task.as_str(), &time.to_string()]))
    }

    /// Names an attempt.
    pub fn of_attempt(run: &RunId, task: &TaskId, attempt: u32) -> SpanId {
        SpanId(bytes_of(&["attempt", run.as_str(), task.as_str(), &attempt.to_string()]))
    }

    /// Names a part of an attempt; `number` counts the parts of this kind from 0.
    pub fn of_part(run: &RunId, task: &TaskId, attempt: u32, (kind, number): (&str, u32)) -> SpanId {
        let (attempt, number) = (attempt.to_string(), number.to_string());
        SpanId(bytes_of(&[kind, run.as_str(), task.as_str(), &attempt, &number]))
    }

    /// Names a gate.
    pub fn of_gate(run: &RunId, gate: GateId) -> SpanId {
        SpanId(bytes_of(&["gate", run.as_str(), &gate.0.to_string()]))
    }

    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// A place in a trace, as `TRACEPARENT` says it: `00-TRACE-SPAN-FLAGS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub trace: TraceId,
    pub span: SpanId,
    /// Whoever began the trace wants it kept.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads what W3C Trace Context (level 1) calls a traceparent; nothing where it is not valid.
    pub fn parse(text: &str) -> Option<TraceContext> {
        let (fields, rest) = text.split_at_checked(55)?;
        let fields: Vec<&str> = fields.split('-').collect();
        let [version, trace, span, flags] = fields[..] else { return None };
        let version = unhex::<1>(version)?[0];
        // A later version may say more behind these; this one does not, and 255 is none.
        if version == 0xff
            || (version == 0 && !rest.is_empty())
            || !(rest.is_empty() || rest.starts_with('-'))
        {
            return None;
        }
        let (trace, span) = (unhex::<16>(trace)?, unhex::<8>(span)?);
        if trace == [0; 16] || span == [0; 8] {
            return None;
        }
        Some(TraceContext {
            trace: TraceId(trace),
            span: SpanId(span),
            sampled: unhex::<1>(flags)?[0] & 1 == 1,
        })
    }

    /// Returns what is handed on of a caller's state, as it is: that of this trace and no other, where it can be one.
    pub fn state_of_caller(&self, caller: Option<&str>, state: Option<String>) -> Option<String> {
        let is_this = TraceContext::parse(caller?)?.trace == self.trace;
        let can_be = |state: &String| {
            (1..=MAX_STATE).contains(&state.len())
                && state.contains('=')
                && state.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        state.filter(|state| is_this && can_be(state))
    }

    /// Returns the place of a run: in the trace of whoever called crew, or in one of its own.
    pub fn of_run(run: &RunId, caller: Option<&TraceContext>) -> TraceContext {
        TraceContext {
            trace: caller.map_or_else(|| TraceId::of_run(run), |caller| caller.trace),
            span: SpanId::of_run(run, 0),
            sampled: caller.is_none_or(|caller| caller.sampled),
        }
    }

    /// Returns the place of an attempt, of which what is started for it is to be a part.
    pub fn of_attempt(
        run: &RunId,
        caller: Option<&TraceContext>,
        task: &TaskId,
        attempt: u32,
    ) -> TraceContext {
        TraceContext { span: SpanId::of_attempt(run, task, attempt), ..TraceContext::of_run(run, caller) }
    }
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        // W3C knows small letters only.
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TraceContext, D::Error> {
        let text = String::deserialize(deserializer)?;
        TraceContext::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no traceparent")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        let context = TraceContext::parse(PARENT).unwrap();
        assert_eq!((context.to_string().as_str(), context.sampled), (PARENT, true));
        let unsampled = TraceContext::parse(&PARENT.replace("-01", "-02")).unwrap();
        assert!(!unsampled.sampled);
        let later = TraceContext::parse(&format!("cc{}-what-comes", &PARENT[2..])).unwrap();
        assert_eq!(later, context, "a later version says the same at its beginning");
        let json = serde_json::to_string(&context).unwrap();
        assert_eq!(serde_json::from_str::<TraceContext>(&json).unwrap(), context);
    }

    #[test]
    fn a_callers_state_is_handed_on_in_its_own_trace_as_it_is() {
        let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let own = TraceContext::parse(&caller.replace("00f067aa0ba902b7", "1111111111111111")).unwrap();
        let state = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7".to_owned();
        let handed_on =
            |caller: Option<&str>, state: &str| own.state_of_caller(caller, Some(state.to_owned()));
        assert_eq!(handed_on(Some(caller), &state).as_ref(), Some(&state));
        let other = caller.replace("4bf92f", "aaaaaa");
        for caller in [None, Some(other.as_str()), Some("hello")] {
            assert_eq!(handed_on(caller, &state), None, "{caller:?}");
        }
        let longest = format!("a={}", "b".repeat(510));
        assert_eq!(handed_on(Some(caller), &longest).as_ref(), Some(&longest));
        for state in ["", "words", "a=\u{e9}", "a=b\nc=d", &format!("{longest}b")] {
            assert_eq!(handed_on(Some(caller), state), None, "{state:?}");
        }
        assert_eq!(own.state_of_caller(Some(caller), None), None);
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let changed = |from: &str, to: &str| PARENT.replacen(from, to, 1);
        let wrong = [
            String::new(),
            changed("00-", "ff-"),
            changed("00-", "0-"),
            changed("4bf9", "4BF9"),
            changed("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            changed("00f067aa0ba902b7", &"0".repeat(16)),
            changed("-01", "-0"),
            changed("-01", "-0g"),
            format!("{PARENT}-more"),
            format!("cc{}more", &PARENT[2..]),
            changed("-00f0", "000f0"),
            changed("3577", "3-77"),
            changed("3577", "35ä"),
            PARENT.replace('-', "_"),
        ];
        for text in wrong {
            assert_eq!(TraceContext::parse(&text), None, "{text}");
        }
    }

    /// These stand in what was exported and in the environment of what ran: they must never change.
    #[test]
    fn names_are_the_same_for_ever() {
        let (run, task) = (RunId::parse("7k2aaaaaaaaa").unwrap(), TaskId::parse("work").unwrap());
        let own = TraceContext::of_attempt(&run, None, &task, 1);
        assert_eq!(own.to_string(), "00-11df058c530c6d4f75218da2033a5a89-12e3a60eecfdb0ae-01");
        let caller = TraceContext::parse(PARENT).unwrap();
        let called = TraceContext::of_attempt(&run, Some(&caller), &task, 1);
        assert_eq!((called.trace, called.span), (caller.trace, own.span));
        let others = [
            SpanId::of_run(&run, 0),
            SpanId::of_run(&run, 1),
            SpanId::of_task(&run, &task, 0),
            SpanId::of_attempt(&run, &task, 2),
            SpanId::of_part(&run, &task, 1, ("tool", 0)),
            SpanId::of_part(&run, &task, 1, ("verify", 0)),
            SpanId::of_part(&run, &task, 1, ("tool", 1)),
            SpanId::of_gate(&run, GateId(1)),
            own.span,
        ];
        let different: std::collections::HashSet<SpanId> = others.into_iter().collect();
        assert_eq!(different.len(), others.len());
    }
}
