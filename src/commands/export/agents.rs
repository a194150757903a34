//! `crew export --agents`: crew's agents as files of another program.

use super::super::context::Context;
use super::super::exit::{ExitStatus, Problem};
use crate::commands::run::registry;
use crate::domain::words::clean_line;
use crate::export::adapters::{self, CarryOutError, Change, Planned, Tool};
use anyhow::Result;
use serde_json::{Value, json};

/// Writes the files of a program. Where one of them is refused, none is written.
pub fn export(cx: &Context, tool: Tool, dry_run: bool, force: bool) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let trusted = cx.trusts(&layout)?;
    let settings = cx.settings(&layout, &[], trusted)?;
    let registry = registry(&settings)?;
    // Whatever is wrong with any file is said; what is written is what everybody has who works here.
    cx.library(&layout, &registry, trusted)?;
    let library = cx.shared_library(&layout, &registry, trusted);
    let planned = adapters::plan(layout.repository(), tool, &library);
    let refused: Vec<&Planned> = planned.iter().filter(|planned| is_refused(planned, force)).collect();
    if !refused.is_empty() && !dry_run {
        return Err(refusal(tool, &refused).into());
    }
    if !dry_run {
        adapters::carry_out(layout.repository(), &planned).map_err(|error| match error {
            CarryOutError::Changed(_) => {
                let problem = Problem::refused("changed_meanwhile", error.to_string());
                let again =
                    format!("crew export --agents {} --dry-run shows what is left to write", tool.name());
                problem.hint(again).into()
            }
            CarryOutError::Store(error) => anyhow::Error::new(error),
        })?;
    }
    tell(cx, tool, &planned, dry_run)?;
    Ok(if refused.is_empty() { ExitStatus::Done } else { ExitStatus::Refused })
}

fn is_refused(planned: &Planned, force: bool) -> bool {
    matches!(planned.change, Change::Refuse(_)) || (planned.change == Change::Edited && !force)
}

fn refusal(tool: Tool, refused: &[&Planned]) -> Problem {
    let told = |planned: &&&Planned| match &planned.change {
        Change::Refuse(why) => format!("{} ({why})", planned.path),
        _ => format!("{} (it was changed since crew wrote it)", planned.path),
    };
    let all: Vec<String> = refused.iter().map(|planned| told(&planned)).collect();
    let message = format!("nothing was written: {}", clean_line(&all.join(", "), 2_000));
    let edited = refused.iter().all(|planned| planned.change == Change::Edited);
    let hint = match edited {
        true => format!(
            "take what was changed over to .crew/agents, then: crew export --agents {} --force",
            tool.name()
        ),
        false => "move away what is somebody else's; crew writes over nothing but its own".to_owned(),
    };
    Problem::refused(if edited { "edited" } else { "not_ours" }, message).hint(hint)
}

/// Why what is of no agent stays.
const LEFT: &str =
    "its agent is not there any more, and it was changed since crew wrote it: remove it yourself";

/// Returns the word for what becomes of a file, and why where that needs saying.
fn words(change: &Change) -> (&'static str, Option<&str>) {
    match change {
        Change::Create => ("create", None),
        Change::Update => ("update", None),
        Change::Same => ("same", None),
        Change::Remove => ("remove", None),
        Change::Edited => ("edited", Some("it was changed since crew wrote it")),
        Change::Left => ("left", Some(LEFT)),
        Change::Refuse(why) => ("refuse", Some(why)),
    }
}

fn tell(cx: &Context, tool: Tool, planned: &[Planned], dry_run: bool) -> Result<()> {
    if cx.printer.json {
        let files: Vec<Value> = planned
            .iter()
            .map(|planned| {
                let (change, why) = words(&planned.change);
                json!({"path": planned.path, "change": change, "why": why})
            })
            .collect();
        cx.printer.json(&json!({"tool": tool.name(), "dry_run": dry_run, "files": files}))?;
        return Ok(());
    }
    for planned in planned {
        let (change, why) = words(&planned.change);
        let why = why.map(|why| format!("  {why}")).unwrap_or_default();
        cx.printer.data(&format!("{change:7} {}{why}", clean_line(&planned.path, 300)))?;
    }
    let is_new = |planned: &&Planned| !matches!(planned.change, Change::Same | Change::Left);
    match (dry_run, planned.iter().filter(is_new).count()) {
        (_, 0) => cx.printer.tell("all of it is as crew would write it"),
        (true, _) => cx.printer.tell(&format!("next  crew export --agents {}", tool.name())),
        (false, _) => {}
    }
    Ok(())
}
