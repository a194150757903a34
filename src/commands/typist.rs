//! Who types a command: a person, or an agent that a run has started.

use super::context::Context;
use super::exit::Problem;
use crate::domain::event::ProcessId;
use crate::runner::marks;
use crate::runner::process::{self, Forebear};
use std::path::Path;

/// Refuses what an agent types: it asks, it does not decide, and it does not loosen what it is held to.
///
/// An agent without any sandbox can do what its user can, so this keeps out those that take the easy way.
///
/// An agent of another repository, with another configuration, has nothing to do with what is decided here: the tests of
/// crew itself may be run by an agent.
pub fn refuse_agents(repository: Option<&Path>) -> Result<(), Problem> {
    refuse_agents_among(&process::forebears(), repository)
}

/// The same for a command that crew itself starts for whoever typed another one: nothing else may start it.
pub fn refuse_all_but_crew(repository: &Path) -> Result<(), Problem> {
    let forebears = process::forebears();
    // Whoever started it may have died since.
    let (parent, others) =
        forebears.split_first().map_or((None, &[][..]), |(parent, rest)| (Some(parent), rest));
    if parent.is_some_and(|parent| !parent.runs_us) {
        let problem = Problem::refused("not_for_people", "this command is for crew itself");
        return Err(problem.hint("crew run --detach, or crew resume --detach"));
    }
    refuse_agents_among(others, Some(repository))
}

fn refuse_agents_among(forebears: &[Forebear], repository: Option<&Path>) -> Result<(), Problem> {
    let ours = Context::config_folder();
    // What drops its environment and its parent comes to the crew that carries the run out.
    let is_agent = |one: &Forebear| one.variable("CREW_TOKEN").is_some() || one.runs_us;
    let is_concerned = |one: &Forebear| {
        let named =
            one.variable(marks::REPOSITORY).is_some_and(|named| Some(Path::new(&named)) == repository);
        let works_here = one
            .folder
            .as_ref()
            .zip(repository)
            .is_some_and(|(folder, repository)| folder.starts_with(repository));
        named || works_here || Context::config_folder_in(|name| one.variable(name)) == ours
    };
    let is_below = || forebears.iter().any(|one| is_agent(one) && is_concerned(one));
    match std::env::var_os("CREW_TOKEN").is_some() || is_below() {
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
