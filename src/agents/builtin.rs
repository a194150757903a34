//! The agent that ships inside the binary: the same program, started with a hidden subcommand.

use super::protocol;
use super::{Agent, Assignment, CommandSpec, Said, Stdin, Unsupported};

/// The name used with `--agent`.
pub const NAME: &str = crate::domain::task::BUILT_IN;

/// The roles that need no model.
pub const ROLES: [&str; 5] = ["explorer", "reviewer", "security-reviewer", "verifier", "writer"];

/// Explores, reviews, verifies and reports, without any model.
#[derive(Clone, Debug)]
pub struct BuiltIn {
    /// The running binary.
    program: String,
}

impl BuiltIn {
    pub fn new(program: String) -> BuiltIn {
        BuiltIn { program }
    }
}

impl Agent for BuiltIn {
    fn name(&self) -> &str {
        NAME
    }

    fn program(&self) -> &str {
        &self.program
    }

    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported> {
        let role = assignment.role;
        let cannot = |what: String| Err(Unsupported { agent: "the built-in agent".into(), what });
        if !ROLES.contains(&role) {
            return cannot(format!(
                "do the role `{role}`; it has no model, so it explores, reviews, verifies and reports"
            ));
        }
        if let Some(model) = assignment.model {
            return cannot(format!("use the model `{model}`; it has none"));
        }
        Ok(CommandSpec {
            program: self.program.clone(),
            args: vec!["builtin-agent".into(), role.into()],
            env: Vec::new(),
            pass_env: Vec::new(),
            stdin: Stdin::Null,
        })
    }

    fn read_line(&self, line: &str) -> Option<Vec<Said>> {
        protocol::read_line(line)
    }

    fn promises_final(&self) -> bool {
        true
    }
}
