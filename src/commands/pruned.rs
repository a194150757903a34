//! Shows what stays known of runs that were pruned.

use super::context::Context;
use super::exit::ExitStatus;
use crate::domain::id::RunId;
use crate::domain::tombstone::Tombstone;
use crate::domain::words::clean_line;
use crate::store::database::Store;
use crate::ui::printer::{Tone, status_tone};
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;

/// Finds the pruned run that the beginning of an id means; none where it means a run that is there, or several.
pub fn find(store: &Store, typed: &str) -> Result<Option<Tombstone>> {
    if !RunId::is_prefix(typed) || !store.runs_named(typed)?.is_empty() {
        return Ok(None);
    }
    let mut found = store.tombstones(typed, 2)?;
    Ok(if found.len() == 1 { found.pop() } else { None })
}

/// Shows one of them.
pub fn show(cx: &Context, stone: &Tombstone) -> Result<ExitStatus> {
    if cx.printer.json {
        cx.printer.json(&as_json(stone))?;
        return Ok(ExitStatus::Done);
    }
    let goal = clean_line(&stone.goal, 200);
    cx.printer.data(&format!("{}  {}   \"{goal}\"\n", stone.id, cx.printer.tint(Tone::Faint, "pruned")))?;
    let was = cx.printer.tint(status_tone(stone.outcome), stone.outcome.words());
    cx.printer.data(&format!("  was      {was}  {} workflow, {} team", stone.workflow, stone.team))?;
    cx.printer.data(&format!("  made     {}", stone.created_at))?;
    if let Some(ended) = stone.ended_at {
        let worked = words::duration(Duration::from_millis(stone.worked_millis));
        cx.printer.data(&format!("  ended    {ended}  after {worked} of work"))?;
    }
    let tasks = stone.tasks.iter().map(|(state, count)| format!("{count} {}", state.replace('_', " ")));
    cx.printer.data(&format!("  tasks    {}", tasks.collect::<Vec<_>>().join(", ")))?;
    for share in &stone.agents {
        let model = share.model.as_ref().map(|model| format!(" {model}")).unwrap_or_default();
        let ended = share.attempts.iter().map(|(how, count)| format!("{count} {}", how.replace('_', " ")));
        let line = format!(
            "  agent    {}{}: {}  {}  {} tokens  {}",
            clean_line(&share.agent, 100),
            clean_line(&model, 100),
            ended.collect::<Vec<_>>().join(", "),
            words::duration(Duration::from_millis(share.millis)),
            words::tokens(share.usage.tokens()),
            words::cost(share.usage.cost_usd)
        );
        cx.printer.data(&line)?;
    }
    let counts = [(stone.retries, "retry"), (stone.gates, "gate"), (stone.dead_letters, "dead letter")];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| match (count, noun) {
            (2.., "retry") => format!("{count} retries"),
            _ => words::count(count as usize, noun),
        })
        .collect();
    if !counts.is_empty() {
        cx.printer.data(&format!("  had      {}", counts.join(", ")))?;
    }
    cx.printer.data(&format!("  pruned   {}  by {}", stone.pruned_at, clean_line(&stone.pruned_by, 100)))?;
    Ok(ExitStatus::Done)
}

/// Lists them, the newest first.
pub fn list(cx: &Context, limit: usize) -> Result<ExitStatus> {
    let store = cx.store()?;
    let found = store.tombstones("", limit)?;
    let total = store.pruned_count()?;
    if cx.printer.json {
        let data: Vec<Value> = found.iter().map(as_json).collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": data.len(), "total": total}}))?;
        return Ok(ExitStatus::Done);
    }
    if found.is_empty() {
        cx.printer.tell("no run was pruned");
        return Ok(ExitStatus::Done);
    }
    let mut rows = Rows::new(&[
        ("run", Column::Left),
        ("was", Column::Left),
        ("made", Column::Left),
        ("attempts", Column::Right),
        ("tokens", Column::Right),
        ("cost", Column::Right),
        ("goal", Column::Wide),
    ]);
    for stone in &found {
        let usage = stone.usage();
        rows.add(vec![
            (stone.id.to_string(), Tone::Plain),
            (stone.outcome.words().to_owned(), status_tone(stone.outcome)),
            (stone.created_at.to_string().chars().take(10).collect(), Tone::Plain),
            (stone.attempts().to_string(), Tone::Plain),
            (words::tokens(usage.tokens()), Tone::Plain),
            (words::cost(usage.cost_usd), Tone::Plain),
            (clean_line(&stone.goal, 100), Tone::Plain),
        ]);
    }
    cx.printer.data(&rows.render(&cx.printer))?;
    if total > found.len() {
        cx.printer.tell(&format!("{} more: crew status --pruned -n {total}", total - found.len()));
    }
    Ok(ExitStatus::Done)
}

fn as_json(stone: &Tombstone) -> Value {
    let usage = stone.usage();
    let mut json = json!(stone);
    json["status"] = json!("pruned");
    json["attempts"] = json!(stone.attempts());
    json["usage"] = json!(usage);
    json
}
