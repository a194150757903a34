//! What the real programs printed when something went wrong, and what it has to be taken for.

use super::testing::{ToolCall, fixture, read};
use super::*;

/// Returns what a whole attempt is known by: the first failure that says what it is, or else the last wait.
fn verdict(agent: &str, transcript: &str) -> (Option<ErrorKind>, Option<bool>) {
    let agents = known();
    let agent = agents.iter().find(|known| known.name() == agent).expect("an agent");
    let reading = read(agent.as_ref(), &fixture(&format!("{transcript}.jsonl")));
    let told = reading.failures.iter().find(|kind| **kind != ErrorKind::Unknown);
    let kind = told.or(reading.failures.first()).copied().or(reading.waits.last().copied().flatten());
    (kind, reading.end.map(|(ok, _)| ok))
}

#[test]
fn each_recorded_failure_has_its_kind() {
    use ErrorKind::*;
    let rows = [
        ("claude", "http404", ModelNotAvailable),
        ("claude", "http400", ContextOverflow),
        ("claude", "refusal", Unknown),
        ("claude", "http529", Overloaded),
        ("claude", "garbage", Unknown),
        ("claude", "http500", Overloaded),
        ("claude", "network", Network),
        ("codex", "http404", ModelNotAvailable),
        ("codex", "http400", ContextOverflow),
        ("codex", "http529", Overloaded),
        ("codex", "http500", Overloaded),
        ("codex", "cut", Network),
        ("codex", "network", Network),
        ("gemini", "http404", ModelNotAvailable),
        ("gemini", "http400", ContextOverflow),
        ("gemini", "refusal", Unknown),
        ("opencode", "http404", ModelNotAvailable),
        ("opencode", "http400", ContextOverflow),
        ("opencode", "refusal", Unknown),
        ("opencode", "cut", Network),
        ("pi", "http404", ModelNotAvailable),
        ("pi", "http400", ContextOverflow),
        ("pi", "refusal", Unknown),
        ("pi", "http529", Overloaded),
        ("pi", "http500", Overloaded),
        ("pi", "network", Network),
        ("pi", "cut", Network),
    ];
    for (agent, name, expected) in rows {
        let (kind, end) = verdict(agent, &format!("{agent}-{name}"));
        assert_eq!(kind, Some(expected), "{agent}-{name}");
        // Some were ended by us, and some had not yet given up.
        assert_ne!(end, Some(true), "{agent}-{name}");
    }
}

#[test]
fn waits_that_are_told_on_standard_error_have_their_kind_and_noise_has_none() {
    use ErrorKind::*;
    let rows: [(&dyn Agent, &str, ErrorKind, usize); 8] = [
        (&gemini::Gemini, "gemini-http429", RateLimited, 6),
        (&gemini::Gemini, "gemini-http529", Overloaded, 4),
        (&gemini::Gemini, "gemini-http500", Overloaded, 3),
        (&gemini::Gemini, "gemini-network", Network, 3),
        (&opencode::Opencode, "opencode-http429", RateLimited, 6),
        (&opencode::Opencode, "opencode-http529", Overloaded, 5),
        (&opencode::Opencode, "opencode-http500", Overloaded, 5),
        (&opencode::Opencode, "opencode-network", Network, 5),
    ];
    for (agent, name, expected, count) in rows {
        let stream = fixture(&format!("{name}.stderr"));
        let said: Vec<Said> = stream.lines().flat_map(|line| agent.read_stderr_line(line)).collect();
        assert_eq!(said.len(), count, "{name}: {said:#?}");
        for said in said {
            assert!(
                matches!(said, Said::Waiting { error: Some(kind), .. } if kind == expected),
                "{name}: {said:?}"
            );
        }
    }
}

#[test]
fn calls_that_the_program_itself_refused_are_told_from_calls_that_failed() {
    use ToolResult::{Denied, Error, Ok};
    let rows: [(&dyn Agent, &str, &[ToolResult]); 3] = [
        (&claude::Claude, "claude-denied", &[Ok, Error, Denied, Denied, Denied, Denied, Ok]),
        (&gemini::Gemini, "gemini-denied", &[Denied, Ok, Denied, Denied, Denied, Error, Ok]),
        (&opencode::Opencode, "opencode-denied", &[Denied, Error, Denied, Denied, Denied, Error, Ok]),
    ];
    for (agent, name, expected) in rows {
        let reading = read(agent, &fixture(&format!("{name}.jsonl")));
        let came_back = |(_, _, ended): &ToolCall| *ended;
        let results: Vec<_> = reading.tools.iter().filter_map(came_back).collect();
        assert_eq!(results, expected, "{name}");
    }
}
