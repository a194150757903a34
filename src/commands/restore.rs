//! `crew restore`: work that was kept although it is on no branch.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::time::Time;
use crate::runner::clock;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use crate::workspace::custody::{self, CustodyError, Entry};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// List work that was kept, or bring it back
///
/// Before anything is done by which work could get lost, all files, tracked and untracked, are kept in a commit at
/// `refs/crew/keep/RUN/TASK/ATTEMPT`. What a task's branch no longer holds is kept there too, and at
/// `refs/crew/base/RUN` what was not committed when the run began. Nothing that is there already is overwritten.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// What to bring back: RUN/TASK for the newest of a task, RUN/TASK/N, or a reference
    #[arg(value_name = "KEPT")]
    what: Option<String>,

    /// Make a branch of this name
    #[arg(long, value_name = "NAME", requires = "what", conflicts_with = "to")]
    branch: Option<String>,

    /// Put the files into this folder, which must be empty
    #[arg(long, value_name = "FOLDER", requires = "what")]
    to: Option<PathBuf>,
}

/// Lists what is kept, or brings it back.
pub fn restore(cx: &Context, args: &RestoreArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let repository = layout.repository();
    let kept = custody::list(repository).context("read what is kept")?;
    let Some(what) = &args.what else { return list(cx, repository, &kept) };
    let (entry, others) = find(&kept, what)?;
    match &args.to {
        Some(folder) => {
            // Against where the user is, and without a link to nowhere in its last part.
            let folder = cx.folder.canonicalize().context("find the folder")?.join(folder);
            custody::to_folder(repository, &entry.commit, &folder).map_err(refused)?;
            cx.printer.tell(&format!("{} is in {}", shown(entry), folder.display()));
            tell_as_data(cx, entry, "folder", &json!(folder))?;
        }
        None => {
            let branch = match &args.branch {
                Some(name) => {
                    custody::to_branch(repository, &entry.commit, name).map_err(refused)?;
                    name.clone()
                }
                None => to_free_branch(repository, entry)?,
            };
            cx.printer.tell(&format!("{} is on the branch {branch}: git switch {branch}", shown(entry)));
            tell_as_data(cx, entry, "branch", &json!(branch))?;
        }
    }
    if others > 0 {
        cx.printer.tell(&format!("{} kept of this task: crew restore", words::count(others, "older one")));
    }
    Ok(ExitStatus::Done)
}

fn tell_as_data(cx: &Context, entry: &Entry, name: &str, place: &Value) -> Result<()> {
    if cx.printer.json {
        cx.printer.json(&json!({"reference": entry.reference, "commit": entry.commit, name: place}))?;
    }
    Ok(())
}

fn list(cx: &Context, repository: &Path, kept: &[Entry]) -> Result<ExitStatus> {
    let mut table = Rows::new(&[
        ("kept", Column::Left),
        ("age", Column::Right),
        ("files", Column::Right),
        ("what", Column::Wide),
    ]);
    let mut data = Vec::new();
    for entry in kept {
        let at = Time(entry.at.saturating_mul(1000));
        let files = custody::changed(repository, entry)
            .with_context(|| format!("read what {} changed", entry.reference))?;
        data.push(json!({
            "reference": entry.reference, "run": entry.run, "task": entry.task, "number": entry.number,
            "created_at": at, "commit": entry.commit, "files": files, "subject": entry.subject,
        }));
        let age = words::duration(clock::now().since(at));
        let cells = [shown(entry), age, files.len().to_string(), entry.subject.clone()];
        table.add(cells.into_iter().map(|cell| (cell, Tone::Plain)).collect());
    }
    if cx.printer.json {
        cx.printer.json(&json!({"data": data, "meta": {"count": kept.len()}}))?;
    } else if kept.is_empty() {
        cx.printer.tell("nothing is kept");
    } else {
        cx.printer.data(&table.render(&cx.printer))?;
        cx.printer
            .tell("crew restore KEPT brings it back on a branch of its own; --to FOLDER, into a folder");
    }
    Ok(ExitStatus::Done)
}

/// Returns what to type for an entry.
fn shown(entry: &Entry) -> String {
    match (&entry.task, &entry.number) {
        (Some(task), Some(number)) => format!("{}/{task}/{number}", entry.run),
        _ => entry.reference.clone(),
    }
}

/// Finds the entry that is meant, and how many older ones there are of the same task.
fn find<'a>(kept: &'a [Entry], what: &str) -> Result<(&'a Entry, usize)> {
    if let Some(entry) = kept.iter().find(|entry| entry.reference == what) {
        return Ok((entry, 0));
    }
    let mut words = what.trim_end_matches('/').splitn(3, '/');
    let (run, task, number) = (words.next().unwrap_or_default(), words.next(), words.next());
    let fits = |entry: &&Entry| {
        !run.is_empty()
            && entry.run.starts_with(run)
            && entry.task.is_some()
            && task.is_none_or(|task| entry.task.as_deref() == Some(task))
            && number.is_none_or(|number| entry.number.as_deref() == Some(number))
    };
    // The newest come first.
    let found: Vec<&Entry> = kept.iter().filter(fits).collect();
    let Some(first) = found.first() else {
        let problem = Problem::refused("unknown_kept", format!("nothing is kept as `{what}`"));
        return Err(problem.hint("crew restore lists what is kept").into());
    };
    if found.iter().any(|entry| (&entry.run, &entry.task) != (&first.run, &first.task)) {
        let names: Vec<String> = found.iter().take(10).map(|entry| shown(entry)).collect();
        let message = format!("`{what}` may be any of {}", names.join(", "));
        return Err(Problem::refused("ambiguous_kept", message)
            .hint("type one of them whole: crew restore lists them")
            .into());
    }
    Ok((first, found.len() - 1))
}

/// Makes a branch whose name says what it holds; where that is taken by something else, with a number behind it.
fn to_free_branch(repository: &Path, entry: &Entry) -> Result<String> {
    let words = [entry.task.as_deref(), entry.number.as_deref()];
    let plain =
        words.into_iter().flatten().fold(format!("restored/{}", entry.run), |name, word| name + "/" + word);
    let mut name = plain.clone();
    for number in 2.. {
        match custody::to_branch(repository, &entry.commit, &name) {
            Err(CustodyError::BranchTaken(_)) => name = format!("{plain}-{number}"),
            Err(error) => return Err(refused(error)),
            Ok(()) => break,
        }
    }
    Ok(name)
}

fn refused(error: CustodyError) -> anyhow::Error {
    let problem = |code, hint: &str| Problem::refused(code, error.to_string()).hint(hint).into();
    match &error {
        CustodyError::BranchTaken(_) => problem("branch_taken", "choose another name with --branch"),
        CustodyError::FolderTaken(_) => {
            problem("folder_taken", "--to takes a folder that is empty or not there yet")
        }
        CustodyError::NoBranchName(_) => Problem::usage("branch_name", error.to_string()).into(),
        _ => error.into(),
    }
}
