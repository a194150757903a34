//! How each agent is spoken to.
//!
//! An adapter turns an [`Assignment`] into a [`CommandSpec`] and a line of output into what it [`Said`]. Adapters start
//! nothing and store nothing, so all of them are tested on recorded output.

pub mod prompt;

use crate::domain::error_kind::ErrorKind;
use crate::domain::usage::Usage;
use std::path::{Path, PathBuf};
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
    /// What to do, with the results of earlier tasks and how to submit.
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
    /// A session of the same agent to continue.
    pub session: Option<&'a str>,
}

/// What goes to the child's standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stdin {
    Null,
    /// The content of this file.
    File(PathBuf),
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
    /// A tool was called.
    ToolStarted { id: String, name: String, arguments: String },
    /// A tool call came back.
    ToolEnded { id: String, ok: bool },
    Usage(Usage, UsageKind),
    /// The agent waits or tries again by itself: a sign of life with a reason.
    Waiting { reason: String, error: Option<ErrorKind> },
    /// Something went wrong for good.
    Failed { kind: ErrorKind, message: String, retry_after: Option<Duration> },
    /// The final event of the stream, with the final text where it carries one.
    Final { ok: bool, text: Option<String> },
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
}

/// What an assignment asks for and an agent cannot do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{agent} cannot {what}")]
pub struct Unsupported {
    pub agent: String,
    pub what: String,
}
