//! What the adapters' tests share: an assignment, and a recorded stream read as `runner` reads it.

use super::{Access, Agent, Apart, Assignment, Said, UsageKind};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::ToolResult;
use crate::domain::usage::Usage;
use std::path::{Path, PathBuf};

pub fn assignment(access: Access) -> Assignment<'static> {
    Assignment {
        access,
        system_prompt: "You review \"code\".\nWell.",
        prompt: "-do it",
        prompt_file: Path::new("/run/prompt.md"),
        cwd: Path::new("/repo"),
        inbox: Path::new("/run/inbox"),
        ..Assignment::bare()
    }
}

/// What surrounds a work tree of its own.
pub fn apart() -> Apart<'static> {
    Apart { repository: Path::new("/home/{me}/repo"), companions: Path::new("/run/companions") }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/agent-output")
}

/// Returns what a real program printed.
pub fn fixture(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the lines of all recorded streams.
pub fn transcripts() -> Vec<String> {
    let names =
        std::fs::read_dir(folder()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.ends_with(".jsonl"));
    names.sort();
    names.iter().flat_map(|name| fixture(name).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// A tool call: name, arguments, and how it came back.
pub type ToolCall = (String, String, Option<ToolResult>);

/// What a whole stream said.
#[derive(Debug, Default, PartialEq)]
pub struct Reading {
    pub session: Option<String>,
    pub words: String,
    pub tools: Vec<ToolCall>,
    pub usage: Usage,
    pub waits: Vec<Option<ErrorKind>>,
    pub failures: Vec<ErrorKind>,
    /// The last final event: whether it is good, and its text.
    pub end: Option<(bool, Option<String>)>,
}

pub fn read(agent: &dyn Agent, stream: &str) -> Reading {
    let mut reading = Reading::default();
    let mut ids = Vec::new();
    for said in stream.lines().flat_map(|line| agent.read_line(line).expect("a line of the agent's format")) {
        match said {
            Said::Session(id) => reading.session = Some(id),
            Said::Message(words) | Said::MessagePart(words) => reading.words.push_str(&words),
            Said::ToolStarted { id, name, arguments } => {
                ids.push(id);
                reading.tools.push((name, arguments, None));
            }
            Said::ToolEnded { id, result, .. } => {
                let at = ids.iter().position(|started| *started == id).expect("it was started");
                reading.tools[at].2 = Some(result);
            }
            Said::Usage(usage, UsageKind::Step) => reading.usage.add(&usage),
            Said::Usage(usage, UsageKind::Total) => reading.usage = usage,
            Said::Waiting { error, .. } => reading.waits.push(error),
            Said::Failed { kind, .. } => reading.failures.push(kind),
            Said::Final { ok, text } => reading.end = Some((ok, text)),
        }
    }
    reading
}

pub fn tokens(input: u64, output: u64, cached: u64) -> Usage {
    Usage {
        input_tokens: Some(input),
        output_tokens: Some(output),
        cached_tokens: Some(cached),
        cost_usd: None,
    }
}
