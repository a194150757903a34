//! `crew review --until approved`: somebody puts right what reviewers ask for, and they look again.
//!
//! All of it is one run: the fixer's task waits until a reviewer asks for changes, works in a worktree of its own that
//! begins from what was reviewed, and is sent back as often as there are rounds. The dispatcher does that, as it does for a
//! workflow's step that reviews.

use super::reviewers::Reviewer;
use crate::agents::builtin;
use crate::agents::registry::Registry;
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::plan;
use crate::domain::event::Persona;
use crate::domain::id::TaskId;
use crate::domain::links;
use crate::domain::resources::Library;
use crate::domain::review::target::{ReviewTarget, TargetKind};
use crate::domain::settings::{self, Settings};
use crate::domain::task::{TaskSpec, Work};
use anyhow::{Context as _, Result};

/// How many rounds there are where nobody says.
const ROUNDS: u32 = 3;
/// The role of whoever fixes.
const ROLE: &str = "executor";

/// Until when a review goes on.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct UntilArgs {
    /// Have what is found put right by --fix-with, and review again, until this is the verdict
    #[arg(long, value_name = "VERDICT", requires = "fix_with", conflicts_with = "post")]
    until: Option<Until>,

    /// How often the work goes back at most; then it needs your review
    #[arg(long, value_name = "N", requires = "until", value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: Option<u32>,

    /// The agent that puts right what is found, in a worktree and a session of its own
    #[arg(long, value_name = "AGENT", requires = "until")]
    fix_with: Option<String>,

    /// A command that crew runs after each fix; it has to exit with 0. May be given several times
    #[arg(long, value_name = "COMMAND", requires = "until")]
    verify: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Until {
    Approved,
}

/// How the work goes back.
#[derive(Clone, Debug)]
pub struct Fixing {
    /// The fixer's task.
    pub task: TaskSpec,
    pub rounds: u32,
    pub persona: Option<(String, Persona)>,
}

impl UntilArgs {
    /// Returns the fixer's task, where one is wanted.
    pub fn fixing(
        &self,
        target: &ReviewTarget,
        reviewers: &[Reviewer],
        (settings, registry, library): (&Settings, &Registry, &Library),
    ) -> Result<Option<Fixing>> {
        let (Some(_), Some(name)) = (self.until, &self.fix_with) else { return Ok(None) };
        if target.kind == TargetKind::Index {
            let message = "what is staged cannot be put right apart from what is not";
            let problem = Problem::usage("target", message);
            return Err(problem
                .hint("commit it, or have all that is not committed reviewed: --worktree")
                .into());
        }
        check_agent(registry, name)?;
        let file = library.agents.get(ROLE);
        let (model, fallback_models) =
            file.map_or((None, Vec::new()), |file| (file.model.clone(), file.fallback_models.clone()));
        let work = Work::Agent {
            role: ROLE.into(),
            program: name.clone(),
            persona: file.map(|file| file.name.clone()).unwrap_or_default(),
            task: format!(
                "Reviewers ask for changes of {}. Put right what they found, and nothing else: each finding at its cause. \
                 Where one is wrong, leave the code as it is and say in your result why.",
                target.words
            ),
            model,
            fallback_models,
            thinking: file.and_then(|file| file.thinking).map(|thinking| thinking.name().to_owned()),
            writes: true,
            submit_optional: false,
        };
        let is_free =
            |id: &TaskId| reviewers.iter().all(|one| super::reviewing::id_of(one).as_ref() != Some(id));
        let names = std::iter::once("fix".to_owned()).chain((2..).map(|number| format!("fix-{number}")));
        let id = names
            .filter_map(|name| TaskId::parse(&name))
            .find(is_free)
            .context("a name for the fixer's task")?;
        let verify = match self.verify.is_empty() {
            true => settings.names(&settings::MERGE_VERIFY),
            false => self.verify.clone(),
        };
        let task = TaskSpec {
            verify,
            worktree: true,
            on_request: true,
            link: links::together(settings.names(&settings::WORKTREES_LINK).iter()),
            ..TaskSpec::plain(id, work)
        };
        let persona = file.map(|file| (file.name.clone(), plan::persona_of(file)));
        Ok(Some(Fixing { task, rounds: self.rounds.unwrap_or(ROUNDS), persona }))
    }
}

fn check_agent(registry: &Registry, name: &str) -> Result<()> {
    let Some(agent) = registry.get(name) else {
        let unknown = plan::unknown("agent", name, registry.all().keys());
        return Err(Problem { exit: ExitStatus::Usage, ..unknown }.into());
    };
    if name == builtin::NAME {
        let problem = Problem::usage("unsupported", "the built-in agent does not write code");
        return Err(problem.hint("name another with --fix-with: crew agents list shows them").into());
    }
    if registry.installed(name).is_none() {
        let problem = Problem::usage("agent_not_found", format!("`{}` is not on PATH", agent.program()));
        return Err(problem.hint("install it, or choose another with --fix-with").into());
    }
    Ok(())
}
