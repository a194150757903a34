//! `crew validate`: whether all agents, teams, workflows and settings are right.

use super::context::{Context, resource_problem};
use super::exit::{ExitStatus, Problems};
use super::run::registry;
use crate::domain::resources;
use crate::domain::settings;
use crate::ui::words;
use anyhow::Result;
use serde_json::json;

/// Check agents, teams, workflows and settings
///
/// Each team is checked with its own workflow. Every problem is told, with its file and line.
#[derive(Debug, clap::Args)]
pub struct ValidateArgs {}

/// Checks everything that people wrote.
pub fn validate(cx: &Context, _args: &ValidateArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let trusted = cx.trusts(&layout)?;
    let settings = cx.settings(&layout, &[], trusted)?;
    let (library, mut problems) = cx.library_with_problems(&layout, &registry(&settings)?, trusted);
    for team in library.teams.values() {
        // A team without roles has been told of.
        let workflow = library.workflows.get(&team.workflow).filter(|_| !team.roles.is_empty());
        let Some(workflow) = workflow else { continue };
        let found = resources::fits(workflow, team, &library);
        let everywhere = settings.flag(&settings::WORKTREES_ENABLED);
        let (_, misplaced) = resources::worktrees(workflow, team, &library, everywhere);
        let found = found.into_iter().chain(misplaced);
        problems.extend(found.map(|found| resource_problem("workflow", found)));
    }
    problems.dedup_by(|a, b| a.at == b.at && a.message == b.message);
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    let (agents, teams, workflows) = (library.agents.len(), library.teams.len(), library.workflows.len());
    if cx.printer.json {
        cx.printer
            .json(&json!({"agents": agents, "teams": teams, "workflows": workflows, "problems": []}))?;
    } else {
        let counts =
            [words::count(agents, "agent"), words::count(teams, "team"), words::count(workflows, "workflow")];
        cx.printer.data(&format!("{}: no problem", counts.join(", ")))?;
        settings.refused.iter().for_each(|note| cx.printer.tell(note));
    }
    Ok(ExitStatus::Done)
}
