//! Why an attempt ended badly: a closed list, each kind with its class and a fixed hint.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What may be done about an error of some kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Goes away by itself; retried by policy.
    Transient,
    /// Goes away when a person repairs something.
    Operator,
    /// The agent's work itself was wrong.
    Content,
}

impl ErrorClass {
    /// Returns the word used in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            ErrorClass::Transient => "transient",
            ErrorClass::Operator => "operator",
            ErrorClass::Content => "content",
        }
    }
}

macro_rules! error_kinds {
    ($($variant:ident $name:literal $class:ident $hint:literal;)*) => {
        /// Why an attempt ended badly.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorKind { $($variant,)* }

        impl ErrorKind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$variant,)*];

            /// Returns the name used in JSON, events and help.
            pub fn name(self) -> &'static str {
                match self { $(ErrorKind::$variant => $name,)* }
            }

            /// Returns what may be done about it.
            pub fn class(self) -> ErrorClass {
                match self { $(ErrorKind::$variant => ErrorClass::$class,)* }
            }

            /// Returns what a person can do about it, as one sentence.
            pub fn hint(self) -> &'static str {
                match self { $(ErrorKind::$variant => $hint,)* }
            }
        }
    };
}

error_kinds! {
    RateLimited "rate_limited" Transient "the provider limits requests; wait, or lower --jobs";
    Overloaded "overloaded" Transient "the provider is overloaded; try again later";
    Network "network" Transient "the provider could not be reached; check the connection";
    AgentTimeout "agent_timeout" Transient "one request of the agent timed out; try again";
    AgentBusy "agent_busy" Transient "what it needs was taken at that moment: its own files, or room for another process; lower --jobs";
    OwnerLost "owner_lost" Transient "the crew process that owned this attempt died; the task can run again";
    AuthFailed "auth_failed" Operator "sign the agent in, or check its API key";
    AgentNotFound "agent_not_found" Operator "install the agent's program, or choose another with --agent";
    ModelNotAvailable "model_not_available" Operator "choose another model with --model";
    ContextOverflow "context_overflow" Operator "the prompt is too long for the model; split the task or pass on less";
    RoleNotFound "role_not_found" Operator "name a role that the team has";
    AttemptTimeout "attempt_timeout" Operator "the attempt used up its time; raise `timeout` on the step or limits.attempt_seconds";
    Silent "silent" Operator "the agent printed nothing for too long; look at its log, or raise limits.silence_seconds";
    BudgetExceeded "budget_exceeded" Operator "raise the budget, or choose a cheaper model";
    WorktreeFailed "worktree_failed" Operator "the task could not get a work tree of its own, and works nowhere else; mend what the reason names";
    MergeConflict "merge_conflict" Operator "tasks whose work comes together here changed the same lines; let one of them build on the other, or merge them by hand";
    GateRejected "gate_rejected" Operator "a person refused it; change what was asked";
    GateTimeout "gate_timeout" Operator "nobody decided in time; ask again";
    Unknown "unknown" Operator "look at the attempt's log";
    InvalidSubmission "invalid_submission" Content "the agent never handed in a valid result; look at its log";
    OutputTooLarge "output_too_large" Content "the agent printed more than limits.output_mb allows";
    ProtocolError "protocol_error" Content "the agent's output ended without the final event its format promises";
    UnsafePath "unsafe_path" Content "a path is not one that the task may write: see `writes` of the step; links, `.git`, `.crew` and what is outside of the repository are never touched";
    VerifyFailed "verify_failed" Content "a check failed; its output is in the log";
    ReadOnlyViolated "read_only_violated" Content "what it changed is kept as a diff among the artifacts of the run; what tools leave behind belongs into .gitignore";
    NoChange "no_change" Content "a writing role changed nothing and did not say why";
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_what_json_says() {
        for kind in ErrorKind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }
}
