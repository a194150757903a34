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

    /// Says what may be done about errors of the class, as one sentence without its end.
    pub fn words(self) -> &'static str {
        match self {
            ErrorClass::Transient => "errors of this kind go away by themselves",
            ErrorClass::Operator => "it stays until a person repairs something",
            ErrorClass::Content => {
                "the work itself was wrong, so that it is done again only for a reason (--force)"
            }
        }
    }
}

macro_rules! error_kinds {
    ($($variant:ident $name:literal $class:ident $meaning:literal $hint:literal;)*) => {
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

            /// Says what has happened, as one sentence without its end.
            pub fn meaning(self) -> &'static str {
                match self { $(ErrorKind::$variant => $meaning,)* }
            }

            /// Returns what a person can do about it, as one sentence.
            pub fn hint(self) -> &'static str {
                match self { $(ErrorKind::$variant => $hint,)* }
            }
        }
    };
}

error_kinds! {
    RateLimited "rate_limited" Transient "the provider refused requests, because there were too many of them"
        "the provider limits requests; wait, or lower --jobs";
    Overloaded "overloaded" Transient "the provider said that it is overloaded"
        "the provider is overloaded; try again later";
    Network "network" Transient "the provider could not be reached, or the connection broke"
        "the provider could not be reached; check the connection";
    AgentTimeout "agent_timeout" Transient "one request of the agent to its provider took too long"
        "one request of the agent timed out; try again";
    AgentBusy "agent_busy" Transient "something that the agent needs was taken, or there was no room for another process"
        "what it needs was taken at that moment: its own files, or room for another process; lower --jobs";
    OwnerLost "owner_lost" Transient "the crew process that carried the run out died, and nobody saw how the attempt ended"
        "the crew process that owned this attempt died; the task can run again";
    AuthFailed "auth_failed" Operator "the provider does not know the agent, or does not let it in"
        "sign the agent in, or check its API key";
    AgentNotFound "agent_not_found" Operator "the program of the agent is not there, or cannot be started"
        "install the agent's program, or choose another with --agent";
    ModelNotAvailable "model_not_available" Operator "the provider does not have the model, or not for you"
        "choose another model with --model";
    ContextOverflow "context_overflow" Operator "the prompt, with all that was said since, is longer than the model can take"
        "the prompt is too long for the model; split the task or pass on less";
    RoleNotFound "role_not_found" Operator "a step names a role that its team does not have"
        "name a role that the team has";
    AttemptTimeout "attempt_timeout" Operator "the attempt used up all of its time, and was ended"
        "the attempt used up its time; raise `timeout` on the step or limits.attempt_seconds";
    Silent "silent" Operator "the agent printed nothing for so long that it was ended"
        "the agent printed nothing for too long; look at its log, or raise limits.silence_seconds";
    BudgetExceeded "budget_exceeded" Operator "nothing is left of a budget that the task spends of"
        "raise the budget, or have it done with less of it";
    WorktreeFailed "worktree_failed" Operator "the task has no work tree of its own that it could work in"
        "the task could not get a work tree of its own, and works nowhere else; mend what the reason names";
    MergeConflict "merge_conflict" Operator "the work of several tasks could not be put together"
        "tasks whose work comes together here changed the same lines; let one of them build on the other, or merge them by hand";
    GateRejected "gate_rejected" Operator "a person was asked, and said no"
        "a person refused it; change what was asked";
    GateTimeout "gate_timeout" Operator "a person was asked, and nobody decided in time"
        "nobody decided in time; ask again";
    Unknown "unknown" Operator "the agent ended badly, and nothing that it said tells why"
        "look at the attempt's log";
    InvalidSubmission "invalid_submission" Content "what the agent handed in was refused, and nothing valid came after it"
        "its log says what was refused and why; say in a note what to hand in, and requeue it";
    OutputTooLarge "output_too_large" Content "the attempt printed more than it may, and was ended"
        "its log shows what it printed so much of; have it print less, or raise limits.output_mb";
    ProtocolError "protocol_error" Content "the agent ended without saying how it went, as its format promises"
        "the end of its log shows what broke off; of a program of your own, `output` in the settings has to name its format";
    UnsafePath "unsafe_path" Content "what was handed in would write where the task may not"
        "a path is not one that the task may write: see `writes` of the step; links, `.git`, `.crew` and what is outside of the repository are never touched";
    VerifyFailed "verify_failed" Content "the command of a step, or one that checks its work, did not exit with 0"
        "the log has the output of what failed; mend that by hand, or say in a note what is wrong, and requeue it";
    ReadOnlyViolated "read_only_violated" Content "the task may only read, and files have changed"
        "what it changed is kept as a diff among the artifacts of the run; what tools leave behind belongs into .gitignore";
    NoChange "no_change" Content "the task is to change something, nothing has changed, and it did not say why"
        "say more exactly what is to change, and requeue it; where nothing has to change, the agent has to say why";
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
