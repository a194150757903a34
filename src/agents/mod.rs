//! How each agent is spoken to.
//!
//! An adapter turns an [`Assignment`] into a [`CommandSpec`] and a line of output into what it [`Said`]. Adapters start
//! nothing and store nothing, so all of them are tested on recorded output.
//!
//! # How it works
//!
//! A prompt goes to standard input, because Linux allows one argument 128 KiB. An agent without a place for the system
//! prompt has it in front of the prompt, which [`prompt_text`] sees to before the prompt file is written. What an agent
//! cannot do is refused by `command` or stated by `caveats`; nothing that was asked for is dropped in silence.

pub mod abilities;
pub mod builtin;
pub mod claude;
pub mod codex;
pub mod custom;
mod event;
mod failure;
pub mod gemini;
pub mod opencode;
pub mod pi;
pub mod prompt;
pub mod protocol;
pub mod registry;
pub mod replay;
pub mod review_prompt;
pub mod round_words;

use crate::domain::error_kind::ErrorKind;
use crate::domain::event::ToolResult;
use crate::domain::usage::Usage;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a role may do to the files of its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    Write,
}

/// Everything an adapter needs to know to put a command line together.
#[derive(Clone, Debug)]
pub struct Assignment<'a> {
    /// The role in the team: `reviewer`.
    pub role: &'a str,
    pub access: Access,
    /// Who the agent is: the body of its agent file.
    pub system_prompt: &'a str,
    /// What to do, with the results of earlier tasks and how to submit, as [`prompt_text`] put it together.
    pub prompt: &'a str,
    /// The same prompt as a file; absolute.
    pub prompt_file: &'a Path,
    /// Where the agent works; absolute.
    pub cwd: &'a Path,
    /// The one folder outside `cwd` that it has to be able to write to; absolute.
    pub inbox: &'a Path,
    pub model: Option<&'a str>,
    /// `off`, `minimal`, `low`, `medium`, `high` or `xhigh`.
    pub thinking: Option<&'a str>,
    /// Tools the agent file allows, in crew's words (`read`, `grep`, `find`, `ls`, `bash`, `edit`, `write`); empty
    /// means that the file does not say.
    pub tools: &'a [String],
    pub max_turns: Option<u32>,
    /// US dollars after which it should end by itself, where it can; crew's own ledger holds the limit all the same.
    pub max_cost_usd: Option<f64>,
    /// A session of the same agent to continue.
    pub session: Option<&'a str>,
    /// It is not done before it has handed something in.
    pub must_submit: bool,
    /// It is the second child of its attempt, reminded that the first one has handed in nothing.
    pub reminds: bool,
    /// Set where it works in a work tree of its own.
    pub apart: Option<Apart<'a>>,
}

/// What surrounds a work tree that lies in the folder of the user's own. Agents look for instructions in the folders
/// above theirs, too; but those of the user's tree need not be the ones that the work began with.
#[derive(Clone, Copy, Debug)]
pub struct Apart<'a> {
    /// The top of the user's work tree; absolute.
    pub repository: &'a Path,
    /// Where [`Agent::companion`] lies; absolute.
    pub companions: &'a Path,
}

/// A file that an agent is given beside its prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Companion {
    /// Its name in [`Apart::companions`].
    pub name: &'static str,
    pub content: &'static str,
}

/// What goes to the child's standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stdin {
    Null,
    /// The content of this file.
    File(PathBuf),
}

impl Stdin {
    /// Returns the file whose content it is, if any.
    pub fn into_file(self) -> Option<PathBuf> {
        match self {
            Stdin::Null => None,
            Stdin::File(path) => Some(path),
        }
    }
}

/// A command line, ready to be started by `runner`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSpec {
    pub program: String,
    pub args: Vec<String>,
    /// Variables to set, on top of the allow-listed ones.
    pub env: Vec<(String, String)>,
    /// Names of the caller's variables that this agent needs (its API keys, its configuration folder).
    pub pass_env: Vec<String>,
    pub stdin: Stdin,
}

/// How a usage figure relates to the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageKind {
    /// What one step used; add it up.
    Step,
    /// The total so far; replaces what was known.
    Total,
}

/// What a line of an agent's output means.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// The agent's own session id.
    Session(String),
    /// Words of the agent.
    Message(String),
    /// A piece of the agent's words; pieces belong together until something else is said.
    MessagePart(String),
    /// A tool was called.
    ToolStarted {
        id: String,
        name: String,
        arguments: String,
    },
    /// A tool call came back.
    ToolEnded {
        id: String,
        result: ToolResult,
        /// How long it took, where the agent says so.
        took: Option<Duration>,
    },
    Usage(Usage, UsageKind),
    /// The agent waits or tries again by itself: a sign of life with a reason.
    ///
    /// Where the stream ends without anything good after it, `error` is why.
    Waiting {
        reason: String,
        error: Option<ErrorKind>,
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
    },
    /// Something went wrong for good: waiting on is in vain.
    ///
    /// An agent may report one failure twice; the first with a kind other than `unknown` tells the most.
    Failed {
        kind: ErrorKind,
        message: String,
        retry_after: Option<Duration>,
    },
    /// The final event of the stream, with the final text where it carries one.
    ///
    /// More may follow where an agent goes on by itself; then the last final event counts.
    Final {
        ok: bool,
        text: Option<String>,
    },
}

/// How one agent CLI is spoken to.
pub trait Agent: Send + Sync {
    /// Returns the name used with `--agent`.
    fn name(&self) -> &str;

    /// Returns the program to look for on PATH.
    fn program(&self) -> &str;

    /// Puts the command line together, or says what the agent cannot do.
    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported>;

    /// Tells what a line of standard output means; nothing for a line that means nothing to crew.
    ///
    /// `None` marks a line that is not in the agent's format at all; such lines are counted, never fatal.
    fn read_line(&self, line: &str) -> Option<Vec<Said>>;

    /// Tells whether success needs a final event in the stream.
    fn promises_final(&self) -> bool;

    /// Tells whether it prints while it works, so that its silence means something.
    fn streams(&self) -> bool {
        self.promises_final()
    }

    /// Returns the arguments that make the program print its version and leave.
    fn version_args(&self) -> &[&str] {
        &["--version"]
    }

    /// Tells whether it would run a prompt that begins with `/` as a command of its own.
    fn obeys_slash(&self) -> bool {
        false
    }

    /// Tells whether the system prompt has a place of its own on the command line.
    fn takes_system_prompt(&self) -> bool {
        false
    }

    /// Tells what a line of standard error means.
    ///
    /// Agents warn on standard error when all is well, so only words that are known to matter say anything.
    fn read_stderr_line(&self, _line: &str) -> Vec<Said> {
        Vec::new()
    }

    /// Tells whether it can go on in a session of its own.
    fn resumes_sessions(&self) -> bool {
        false
    }

    /// Tells whether a usage total counts a continued session from its very beginning.
    fn usage_spans_session(&self) -> bool {
        false
    }

    /// Returns who understands the output of one attempt, where that is not the same for all.
    fn for_attempt(&self, _task: &str, _attempt: u32) -> Option<Arc<dyn Agent>> {
        None
    }

    /// Returns the file that its command line speaks of where it works in a work tree of its own.
    fn companion(&self) -> Option<Companion> {
        None
    }

    /// Says in a sentence each what the agent holds to less strictly than asked.
    fn caveats(&self, _assignment: &Assignment<'_>) -> Vec<String> {
        Vec::new()
    }
}

/// Returns the agents that crew knows by name, in the order in which they are preferred.
pub fn known() -> Vec<Box<dyn Agent>> {
    vec![
        Box::new(claude::Claude),
        Box::new(codex::Codex),
        Box::new(gemini::Gemini),
        Box::new(opencode::Opencode),
        Box::new(pi::Pi),
    ]
}

/// Puts together what an agent gets as its prompt, with the system prompt in front where it has no place of its own.
pub fn prompt_text(agent: &dyn Agent, system_prompt: &str, prompt: &str) -> String {
    if agent.takes_system_prompt() || system_prompt.trim().is_empty() {
        // Behind a line end it is a text like any other.
        let guard = if agent.obeys_slash() && prompt.starts_with('/') { "\n" } else { "" };
        return format!("{guard}{prompt}");
    }
    format!("{}\n\n{prompt}", system_prompt.trim_end())
}

/// The most bytes that one argument or variable may have; Linux refuses 128 KiB with its name and final NUL.
pub const MAX_ARGUMENT: usize = 120 * 1024;

/// The caller's variables that any agent needs to reach its provider.
const NETWORK_ENV: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
];

/// What an assignment asks for and an agent cannot do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{agent} cannot {what}")]
pub struct Unsupported {
    pub agent: String,
    pub what: String,
}

/// The tools an agent file may list, in crew's words.
const TOOLS: &[&str] = &["read", "grep", "find", "ls", "bash", "edit", "write"];

impl<'a> Assignment<'a> {
    /// Returns an assignment that asks for nothing: to a reviewer, without words, limits or wishes.
    pub fn bare() -> Assignment<'a> {
        Assignment {
            role: "reviewer",
            access: Access::ReadOnly,
            system_prompt: "",
            prompt: "",
            prompt_file: Path::new("/"),
            cwd: Path::new("/"),
            inbox: Path::new("/"),
            model: None,
            thinking: None,
            tools: &[],
            max_turns: None,
            max_cost_usd: None,
            session: None,
            must_submit: false,
            reminds: false,
            apart: None,
        }
    }

    /// Tells whether the agent may use a tool: its access allows it, and its agent file does not leave it out.
    fn allows(&self, tool: &str) -> bool {
        let writes = matches!(tool, "edit" | "write");
        let listed = self.tools.is_empty() || self.tools.iter().any(|listed| listed == tool);
        listed && (self.access == Access::Write || !writes)
    }

    /// Tells whether the agent may change files with the tools made for it.
    fn allows_editing(&self) -> bool {
        self.allows("edit") || self.allows("write")
    }

    /// Returns the allowed ones of the given tools, each in the agent's own words.
    fn tools_as<'t>(&self, names: &[(&str, &'t str)]) -> Vec<&'t str> {
        names.iter().filter(|(tool, _)| self.allows(tool)).map(|(_, name)| *name).collect()
    }

    /// Refuses tools that are not in crew's words, and names that would be read as flags.
    fn check(&self, agent: &dyn Agent) -> Result<(), Unsupported> {
        if let Some(tool) = self.tools.iter().find(|tool| !TOOLS.contains(&tool.as_str())) {
            return Err(cannot(agent, format!("offer the tool `{tool}`; there are {}", TOOLS.join(", "))));
        }
        // Models and sessions come from files and from what agents print, and must not turn into options.
        if let Some(model) = self.model.filter(|model| is_odd_name(model)) {
            return Err(cannot(agent, format!("use {model:?}: that is no name of a model")));
        }
        if let Some(session) = self.session.filter(|session| is_odd_name(session)) {
            return Err(cannot(agent, format!("continue {session:?}: that is no session id")));
        }
        if agent.takes_system_prompt() && self.system_prompt.len() > MAX_ARGUMENT {
            let bytes = self.system_prompt.len();
            return Err(cannot(
                agent,
                format!("take a system prompt of {bytes} bytes; {MAX_ARGUMENT} are the most"),
            ));
        }
        Ok(())
    }

    /// Returns the system prompt, unless it is blank.
    fn system_prompt(&self) -> Option<&'a str> {
        Some(self.system_prompt).filter(|text| !text.trim().is_empty())
    }

    /// Refuses a limit of turns, for agents that know none.
    fn refuse_max_turns(&self, agent: &dyn Agent) -> Result<(), Unsupported> {
        match self.max_turns {
            Some(_) => Err(cannot(agent, "limit its turns; leave out max_turns".to_owned())),
            None => Ok(()),
        }
    }
}

fn is_odd_name(name: &str) -> bool {
    name.is_empty() || name.starts_with('-') || name.chars().any(char::is_control)
}

fn cannot(agent: &dyn Agent, what: String) -> Unsupported {
    Unsupported { agent: agent.name().to_owned(), what }
}

/// Returns that a tool call came back.
fn tool_ended(id: String, result: ToolResult) -> Said {
    Said::ToolEnded { id, result, took: None }
}

/// Returns the names of variables to pass on: those of the agent and those of the network.
fn pass(own: &[&str]) -> Vec<String> {
    own.iter().chain(NETWORK_ENV).map(|name| (*name).to_owned()).collect()
}

/// Returns texts as arguments.
fn args(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Adds a flag and its value.
fn add(args: &mut Vec<String>, flag: &str, value: &str) {
    args.extend([flag.to_owned(), value.to_owned()]);
}

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::testing::{assignment, transcripts};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn all() -> Vec<Box<dyn Agent>> {
        let mut agents = known();
        for output in ["text", "jsonl", "crew"] {
            let settings =
                json!({"name": output, "command": "my-agent", "prompt": "stdin", "output": output});
            agents.push(Box::new(serde_json::from_value::<custom::CustomAgent>(settings).unwrap()));
        }
        agents
    }

    #[test]
    fn each_known_agent_is_started_by_its_name_and_tells_its_version() {
        let names: Vec<String> = known().iter().map(|agent| agent.name().to_owned()).collect();
        assert_eq!(names, ["claude", "codex", "gemini", "opencode", "pi"]);
        for agent in known() {
            assert_eq!((agent.program(), agent.version_args()), (agent.name(), ["--version"].as_slice()));
        }
    }

    #[test]
    fn a_prompt_of_any_length_and_form_goes_to_standard_input_whole() {
        let prompt = format!("--version\n{}", "ä🦀".repeat(50_000));
        for agent in known() {
            let spec = agent.command(&Assignment { prompt: &prompt, ..assignment(Access::Write) }).unwrap();
            assert_eq!(spec.stdin, Stdin::File("/run/prompt.md".into()), "{}", agent.name());
            assert!(spec.args.iter().all(|arg| arg.len() <= MAX_ARGUMENT && !arg.contains('🦀')));
        }
    }

    #[test]
    fn the_system_prompt_is_in_one_place_and_never_in_two() {
        for agent in known() {
            let before = prompt_text(agent.as_ref(), "You are\n", "Do it");
            let spec = agent.command(&assignment(Access::ReadOnly)).unwrap();
            let has_it = spec.args.iter().any(|arg| arg.contains("You review"));
            assert_eq!(has_it, agent.takes_system_prompt(), "{}", agent.name());
            assert_eq!(before, if has_it { "Do it" } else { "You are\n\nDo it" });
            assert_eq!(prompt_text(agent.as_ref(), " \n", "Do it"), "Do it");
        }
    }

    #[test]
    fn names_that_would_turn_into_options_are_refused() {
        for agent in known() {
            for name in ["--dangerously-skip-permissions", "", "a\nb"] {
                let model = Assignment { model: Some(name), ..assignment(Access::Write) };
                let session = Assignment { session: Some(name), ..assignment(Access::Write) };
                assert!(
                    agent.command(&model).is_err() && agent.command(&session).is_err(),
                    "{}",
                    agent.name()
                );
            }
        }
    }

    #[test]
    fn an_unknown_tool_is_refused_by_name() {
        let tools = ["read".to_owned(), "browser".to_owned()];
        for agent in all() {
            let refused =
                agent.command(&Assignment { tools: &tools, ..assignment(Access::ReadOnly) }).unwrap_err();
            assert!(refused.to_string().contains("cannot offer the tool `browser`"), "{refused}");
        }
    }

    #[test]
    fn a_system_prompt_that_no_argument_can_hold_is_refused() {
        let long = "\u{1}".repeat(MAX_ARGUMENT / 2);
        for agent in [&codex::Codex as &dyn Agent, &claude::Claude, &pi::Pi] {
            let longer = "x".repeat(MAX_ARGUMENT + 1);
            let refused = Assignment { system_prompt: &longer, ..assignment(Access::Write) };
            assert!(agent.command(&refused).unwrap_err().to_string().contains("122881 bytes"));
        }
        assert!(
            codex::Codex.command(&Assignment { system_prompt: &long, ..assignment(Access::Write) }).is_err()
        );
    }

    /// Puts `with` in place of the n-th value in a JSON tree.
    fn replace(value: &mut Value, n: &mut usize, with: &Value) {
        if *n == 0 {
            *value = with.clone();
        }
        *n = n.wrapping_sub(1);
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| replace(item, n, with)),
            Value::Object(members) => members.values_mut().for_each(|member| replace(member, n, with)),
            _ => {}
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let odd = [
            json!(null),
            json!(true),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
            json!(""),
            json!([]),
            json!({}),
        ];
        prop_oneof![proptest::sample::select(odd.to_vec()), any::<String>().prop_map(Value::from)]
    }

    proptest! {
        #[test]
        fn no_line_makes_a_reader_panic(line in any::<String>()) {
            for agent in all() {
                agent.read_line(&line);
                agent.read_stderr_line(&line);
            }
        }

        #[test]
        fn no_recorded_line_cut_short_or_changed_makes_a_reader_panic(
            line in proptest::sample::select(transcripts()),
            cut in any::<proptest::sample::Index>(),
            at in 0..60_usize,
            with in any_value(),
        ) {
            let cut: String = line.chars().take(cut.index(line.len())).collect();
            let mut event: Value = serde_json::from_str(&line).unwrap();
            replace(&mut event, &mut { at }, &with);
            for agent in all() {
                for line in [cut.as_str(), &event.to_string()] {
                    agent.read_line(line);
                    agent.read_stderr_line(line);
                }
            }
        }
    }
}
