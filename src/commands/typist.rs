//! Who types a command: a person, or an agent that a run has started.

use super::exit::Problem;
use crate::domain::event::ProcessId;
use crate::runner::process;

/// Refuses what an agent types: it asks, it does not decide, and it does not loosen what it is held to.
///
/// An agent without any sandbox can do what its user can, so this keeps out those that take the easy way.
pub fn refuse_agents() -> Result<(), Problem> {
    let is_agent = std::env::var_os("CREW_TOKEN").is_some() || process::is_below_marked("CREW_TOKEN=");
    // What drops its environment and its parent comes to the crew that carries the run out.
    match is_agent || process::is_below_ourselves() {
        true => Err(refusal()),
        false => Ok(()),
    }
}

/// Refuses what is typed below the process that carries a run out.
pub fn refuse_below(owner: Option<&ProcessId>) -> Result<(), Problem> {
    match owner.is_some_and(|owner| process::is_alive(owner) && process::is_below(owner.pid)) {
        true => Err(refusal()),
        false => Ok(()),
    }
}

fn refusal() -> Problem {
    Problem::refused("not_a_person", "an agent cannot decide for a person")
        .hint("type it in a shell of your own, outside of the run")
}
