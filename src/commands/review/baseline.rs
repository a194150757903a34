//! `crew review baseline`: findings that are put up with, in a file that git tracks.

use super::known::found_in;
use super::named;
use super::text::idle;
use crate::commands::context::Context;
use crate::commands::decide::name_of_person;
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::typist;
use crate::domain::finding::Finding;
use crate::domain::nearest::nearest;
use crate::domain::quoted::quote;
use crate::domain::review::baseline::{Baseline, Entry, Unreadable, day_of, read_last_day};
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::store::baseline::{self, BaselineError};
use crate::store::layout::Layout;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use crate::workspace::git::Git;
use crate::workspace::rule_files::{ids_at, texts_of};
use anyhow::Result;
use jiff::civil::Date;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// How much of a commit's id people see.
const SHORT: usize = 10;
/// The most characters of what a person says.
const MAX_WORDS: usize = 500;

/// Put up with findings, by a file that git tracks
///
/// What `.crew/baseline.json` lists is hidden in every review, and counted. Commit the file: it counts for everybody. A range,
/// a task's work or a pull request is judged by the file from before the change; what is not committed by the one in the
/// folder.
#[derive(Debug, clap::Args)]
pub struct BaselineArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Add(AddArgs),
    /// List what is put up with
    List,
    Remove(RemoveArgs),
    /// Take out what has expired, and what is about files that are gone
    Prune,
}

/// Put up with findings of a review
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Review that found them: the beginning of its id, or `last`
    review: String,

    /// Findings, by the beginning of their fingerprints
    #[arg(value_name = "FINGERPRINT", required_unless_present = "all", conflicts_with = "all")]
    fingerprints: Vec<String>,

    /// All that it found
    #[arg(long)]
    all: bool,

    /// Why they are put up with
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// The last day on which they are (2027-01-31), or how long from now (90d, 12w)
    #[arg(long, value_name = "DATE|DAYS")]
    expires: Option<String>,

    /// Who says so; default: git's user.name, or the user of this account
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// No longer put up with findings
#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// Findings, by the beginning of their fingerprints
    #[arg(value_name = "FINGERPRINT", required = true)]
    fingerprints: Vec<String>,
}

/// Does what was asked for.
pub fn baseline(cx: &Context, args: &BaselineArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    if !matches!(args.what, What::List) {
        // What is put up with is for people to say.
        typist::refuse_agents(Some(layout.repository()))?;
    }
    match &args.what {
        What::Add(args) => add(cx, &layout, args),
        What::List => show(cx, "", &read(&layout)?.findings),
        What::Remove(args) => remove(cx, &layout, &args.fingerprints),
        What::Prune => prune(cx, &layout),
    }
}

/// Reads the file of a repository.
pub fn read(layout: &Layout) -> Result<Baseline> {
    baseline::read(layout).map_err(|error| told(layout, error))
}

/// Returns the text of the file as it is in a commit; none where that has none, or is not there any more.
pub fn text_at(layout: &Layout, git: &Git, commit: &str) -> Option<String> {
    let path = layout.baseline();
    let path = path.strip_prefix(layout.repository()).ok()?.to_str()?.to_owned();
    let id = ids_at(git, commit, std::slice::from_ref(&path)).ok()?.remove(&path)?;
    texts_of(git, &[&id], baseline::MAX_BYTES).ok()?.remove(&id)
}

/// Reads the text that the file has in a commit.
pub fn read_text(layout: &Layout, text: &str, commit: &str) -> Result<Baseline> {
    let path = PathBuf::from(format!(
        "{}:{}",
        commit.get(..SHORT).unwrap_or(commit),
        layout.shown(&layout.baseline())
    ));
    Baseline::read(text).map_err(|why| told(layout, BaselineError::Unreadable { path, why }))
}

fn told(layout: &Layout, error: BaselineError) -> anyhow::Error {
    let BaselineError::Unreadable { path, why } = error else { return error.into() };
    let path = layout.shown(&path);
    let hint = match &why {
        Unreadable::Conflict { .. } => {
            "keep the entries of both sides, and take out the lines of <<<<<<<, ======= and >>>>>>>"
        }
        Unreadable::Newer { .. } => "use the crew that wrote it, or a newer one",
        Unreadable::Malformed { .. } => "git log -p on the file shows what changed it",
    };
    let place = why.line().map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
    let message = format!("the baseline cannot be read: {}", clean_line(&why.to_string(), MAX_WORDS));
    Problem::usage("baseline", message).at(place).hint(hint).into()
}

fn add(cx: &Context, layout: &Layout, args: &AddArgs) -> Result<ExitStatus> {
    let now = clock::now();
    let reason = clean_line(&args.reason, MAX_WORDS);
    if reason.is_empty() {
        return Err(Problem::usage("no_reason", "--reason is empty")
            .hint("say why the finding is put up with")
            .into());
    }
    let expires = args.expires.as_deref().map(|text| last_day(text, now)).transpose()?;
    let by = args.by.clone().unwrap_or_else(|| name_of_person(layout));
    let by = clean_line(&by, MAX_WORDS);
    let store = cx.store()?;
    let review = named::find_id(cx, &store, &args.review)?;
    let found = found_in(&store, &review)?;
    let chosen = if args.all { found.iter().collect() } else { choose(&found, &args.fingerprints)? };
    let entry = |finding: &Finding| Entry {
        fingerprint: finding.fingerprint.clone(),
        category: clean_line(&finding.category, MAX_WORDS),
        file: finding.file.clone(),
        title: clean_line(&finding.title, MAX_WORDS),
        reason: reason.clone(),
        by: by.clone(),
        added: day_of(now),
        expires,
    };
    // Several reviewers may have found the same.
    let entries: BTreeMap<&str, Entry> =
        chosen.into_iter().map(|finding| (finding.fingerprint.as_str(), entry(finding))).collect();
    let entries: Vec<Entry> = entries.into_values().collect();
    baseline::change(layout, |baseline| entries.iter().cloned().for_each(|entry| baseline.put(entry)))
        .map_err(|error| told(layout, error))?;
    show(cx, "put up with", &entries)
}

fn last_day(text: &str, now: crate::domain::time::Time) -> Result<Date> {
    let Some(day) = read_last_day(text, now) else {
        let message = format!("`{}` is no day", clean_line(text, MAX_WORDS));
        return Err(Problem::usage("expires", message).hint("--expires 2027-01-31, 90d or 12w").into());
    };
    if day < day_of(now) {
        let message = format!("{day} is over, so the findings would not be hidden");
        return Err(Problem::usage("expires", message).hint("name a day to come, such as 90d").into());
    }
    Ok(day)
}

/// Finds the findings that beginnings of fingerprints mean.
fn choose<'a>(found: &'a [Finding], typed: &[String]) -> Result<Vec<&'a Finding>> {
    let mut chosen = Vec::new();
    for typed in typed {
        let prints = found.iter().map(|finding| finding.fingerprint.as_str());
        let print = one_of(prints, typed, "crew review show REVIEW lists them")?;
        chosen.extend(found.iter().find(|finding| finding.fingerprint == print));
    }
    Ok(chosen)
}

/// Finds the fingerprint that the beginning of one means.
fn one_of<'a>(prints: impl Iterator<Item = &'a str> + Clone, typed: &str, hint: &str) -> Result<&'a str> {
    let mut meant: Vec<&str> =
        prints.clone().filter(|print| !typed.is_empty() && print.starts_with(typed)).collect();
    meant.sort_unstable();
    meant.dedup();
    let shown = clean_line(typed, MAX_WORDS);
    if let Some(exact) = meant.iter().find(|print| **print == typed) {
        return Ok(exact);
    }
    match meant.as_slice() {
        [print] => Ok(print),
        [] => {
            let near = nearest(typed, prints).map(|near| format!("did you mean `{near}`?"));
            let problem = Problem::refused("unknown_finding", format!("there is no finding `{shown}`"));
            Err(problem.hint(near.unwrap_or_else(|| hint.to_owned())).into())
        }
        several => {
            let message = format!("`{shown}` is the beginning of {} fingerprints", several.len());
            Err(Problem::refused("ambiguous_finding", message).hint(several.join(", ")).into())
        }
    }
}

fn remove(cx: &Context, layout: &Layout, typed: &[String]) -> Result<ExitStatus> {
    let removed = baseline::change(layout, |baseline| -> Result<Vec<Entry>> {
        let mut prints = Vec::new();
        for typed in typed {
            let there = baseline.findings.iter().map(|entry| entry.fingerprint.as_str());
            prints.push(one_of(there, typed, "crew review baseline list")?.to_owned());
        }
        Ok(baseline.take(|entry| prints.contains(&entry.fingerprint)))
    });
    show(cx, "no longer put up with", &removed.map_err(|error| told(layout, error))??)
}

fn prune(cx: &Context, layout: &Layout) -> Result<ExitStatus> {
    let today = day_of(clock::now());
    let is_gone = |entry: &Entry| entry.is_expired(today) || !is_there(layout.repository(), &entry.file);
    let removed = baseline::change(layout, |baseline| baseline.take(is_gone));
    show(cx, "no longer put up with", &removed.map_err(|error| told(layout, error))?)
}

/// Tells whether a file is in the repository; what is about no file, or the whole repository, always is.
fn is_there(repository: &Path, file: &str) -> bool {
    let path = Path::new(file);
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    is_inside && repository.join(path).symlink_metadata().is_ok()
}

/// Shows entries, by file; `done` says what was done with them.
fn show(cx: &Context, done: &str, entries: &[Entry]) -> Result<ExitStatus> {
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by_key(|entry| (&entry.file, &entry.fingerprint));
    let today = day_of(clock::now());
    let expired = entries.iter().filter(|entry| entry.is_expired(today)).count();
    if cx.printer.json {
        let as_json = |entry: &&Entry| {
            let mut json = json!(entry);
            json["expired"] = json!(entry.is_expired(today));
            json
        };
        let data: Vec<Value> = entries.iter().map(as_json).collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": entries.len(), "expired": expired}}))?;
        return Ok(ExitStatus::Done);
    }
    if !entries.is_empty() {
        let mut rows = Rows::new(&[
            ("finding", Column::Left),
            ("file", Column::Left),
            ("until", Column::Left),
            ("by", Column::Left),
            ("title", Column::Wide),
            ("reason", Column::Wide),
        ]);
        for entry in &entries {
            let tone = if entry.is_expired(today) { Tone::Attention } else { Tone::Plain };
            let until = entry.expires.map_or_else(|| "-".to_owned(), |last| last.to_string());
            let file = quote(&entry.file).into_owned();
            let cells = [&entry.fingerprint, &file, &until, &entry.by, &entry.title, &entry.reason];
            rows.add(cells.into_iter().map(|cell| (cell.clone(), tone)).collect());
        }
        cx.printer.data(&idle(&rows.render(&cx.printer)))?;
    }
    let count = words::count(entries.len(), "finding");
    let over = if expired > 0 { format!(", {expired} expired") } else { String::new() };
    cx.printer.tell(&match done {
        "" => format!("{count} put up with{over}"),
        done => {
            let layout = cx.layout()?;
            let path = layout.shown(&layout.baseline());
            let is_ignored = Git::at(layout.repository()).run(&["check-ignore", "-q", "--", &path]).is_ok();
            match is_ignored {
                // A rule of theirs, which is not ours to change.
                true => format!("{done}: {count}; git ignores {path}, so: git add -f {path}, and commit it"),
                false => format!("{done}: {count}; commit {path}"),
            }
        }
    });
    Ok(ExitStatus::Done)
}
