//! `crew artifacts`: the files that a run kept.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::nearest::nearest;
use crate::domain::words::clean_text;
use crate::store::artifacts::sha256;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::io::{IsTerminal, Write};

/// List the files that a run kept, or print one
#[derive(Debug, clap::Args)]
pub struct ArtifactsArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Print this one
    path: Option<String>,
}

/// Lists artifacts or prints one.
pub fn artifacts(cx: &Context, args: &ArtifactsArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = cx.find_run(&store, &args.run)?;
    let rows = store.artifacts(&id)?;
    let folder = store.paths(&id).artifacts();
    if let Some(path) = &args.path {
        let Some(row) = rows.iter().find(|row| row.path == *path) else {
            let near = nearest(path, rows.iter().map(|row| row.path.as_str()));
            let hint = near
                .map_or("crew artifacts RUN lists them".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(Problem::refused("unknown_artifact", format!("the run kept no `{path}`"))
                .hint(hint)
                .into());
        };
        let content = std::fs::read(folder.join(path)).with_context(|| format!("read {path}"))?;
        if sha256(&content) != row.sha256 {
            cx.printer.warn(&format!("warning: {path} is not as it was when it was kept"));
        }
        let mut out = std::io::stdout().lock();
        if out.is_terminal() {
            out.write_all(clean_text(&String::from_utf8_lossy(&content), usize::MAX).as_bytes())?;
        } else {
            out.write_all(&content)?;
        }
        return Ok(ExitStatus::Done);
    }
    if cx.printer.json {
        let data: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({"path": row.path, "kind": row.kind, "task": row.task, "created_at": row.at,
                       "bytes": row.bytes, "sha256": row.sha256})
            })
            .collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": rows.len(), "folder": folder}}))?;
        return Ok(ExitStatus::Done);
    }
    let mut table = Rows::new(&[
        ("kind", Column::Left),
        ("task", Column::Left),
        ("size", Column::Right),
        ("path", Column::Wide),
    ]);
    for row in rows {
        let task = row.task.unwrap_or_else(|| "-".into());
        let cells = [row.kind, task, words::size(row.bytes), row.path];
        table.add(cells.into_iter().map(|cell| (cell, Tone::Plain)).collect());
    }
    cx.printer.data(&table.render(&cx.printer))?;
    cx.printer.tell(&format!("in {}", store.layout().shown(&folder)));
    Ok(ExitStatus::Done)
}
