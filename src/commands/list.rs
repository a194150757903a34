//! `crew list`: the agents, teams and workflows there are.

use super::context::Context;
use super::exit::{ExitStatus, Problems};
use super::run::registry;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use anyhow::Result;
use serde_json::json;

/// List agents, teams and workflows
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only these
    #[arg(value_enum)]
    kind: Option<ListKind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ListKind {
    Agents,
    Teams,
    Workflows,
}

/// Lists resources.
pub fn list(cx: &Context, args: &ListArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let trusted = cx.trusts(&layout)?;
    let settings = cx.settings(&layout, &[], trusted)?;
    let (library, problems) = cx.library_with_problems(&layout, &registry(&settings)?, trusted);
    let mut found: Vec<[String; 4]> = Vec::new();
    let wanted = |kind| args.kind.is_none_or(|only| only == kind);
    if wanted(ListKind::Agents) {
        found.extend(library.agents.values().map(|agent| {
            ["agent".into(), agent.name.clone(), agent.source.layer.to_string(), agent.description.clone()]
        }));
    }
    if wanted(ListKind::Teams) {
        found.extend(library.teams.values().map(|team| {
            ["team".into(), team.name.clone(), team.source.layer.to_string(), team.description.clone()]
        }));
    }
    if wanted(ListKind::Workflows) {
        found.extend(library.workflows.values().map(|workflow| {
            [
                "workflow".into(),
                workflow.name.clone(),
                workflow.source.layer.to_string(),
                workflow.description.clone(),
            ]
        }));
    }
    if cx.printer.json {
        let data: Vec<_> = found
            .iter()
            .map(|[kind, name, layer, about]| json!({"kind": kind, "name": name, "layer": layer, "description": about}))
            .collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": found.len()}}))?;
    } else {
        let headings =
            [("kind", Column::Left), ("name", Column::Left), ("from", Column::Left), ("", Column::Wide)];
        let mut rows = Rows::new(&headings);
        found.into_iter().for_each(|row| rows.add(row.into_iter().map(|cell| (cell, Tone::Plain)).collect()));
        cx.printer.data(&rows.render(&cx.printer))?;
    }
    if problems.is_empty() { Ok(ExitStatus::Done) } else { Err(Problems(problems).into()) }
}
