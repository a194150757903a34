//! `crew export`: a run as a file, for people and programs elsewhere; and crew's agents as files of other programs.

mod agents;

use super::context::Context;
use super::decide::name_of_person;
use super::exit::{ExitStatus, Problem};
use super::places::{self, Place};
use crate::domain::id::RunId;
use crate::domain::redact::Redactor;
use crate::export::adapters::Tool;
use crate::export::bundle::{self, BundleError, Manifest, Packing};
use crate::export::{self, Format};
use crate::runner::clock;
use crate::runner::environment::hiding_ours;
use crate::runner::signals;
use crate::store::database::Store;
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Write down all that is known of a run, for people and programs elsewhere
///
/// A bundle is one file with the record, what was kept, logs, patches and the run's branches, which `crew import` takes
/// in on another machine. The other forms are text: they go to standard output, or into a file with -o.
///
/// With --agents it writes crew's own agents, and how to work with crew, as the files of another program: those that are
/// built in and those of this project. Files of others are never touched, and of AGENTS.md only what stands
/// between crew's marks.
///
/// Secrets are taken out everywhere but of commits, since git's objects are as they are: where those hold what looks like
/// one, no bundle is written without --no-branches, which leaves them out, or --with-secrets. A file that is there already
/// is left alone, unless --force says otherwise.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Run: the beginning of its id, or `last`
    #[arg(required_unless_present = "agents")]
    run: Option<String>,

    /// bundle, html, json, markdown, junit, csv or events
    #[arg(long, value_name = "FORMAT", default_value = "bundle")]
    format: Format,

    /// The file to write; `-` is standard output. A bundle goes to .crew/exports/crew-RUN.tar.gz without this
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write over a file that is there already; with --agents over what was changed since then
    #[arg(long)]
    force: bool,

    /// Write crew's agents for this program: claude, codex, cursor, gemini or opencode
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["run", "format", "output", "no_branches", "with_secrets", "history"])]
    agents: Option<Tool>,

    /// Show which files would be written, and write none
    #[arg(long, requires = "agents")]
    dry_run: bool,

    /// Leave out of a bundle what git holds: branches and kept work
    #[arg(long)]
    no_branches: bool,

    /// Put commits into a bundle although they hold what looks like a secret
    #[arg(long, conflicts_with = "no_branches")]
    with_secrets: bool,

    /// Put all of the history that the branches build on into a bundle too, for a repository that lacks it
    #[arg(long, conflicts_with = "no_branches")]
    history: bool,
}

/// Writes a run down.
pub fn export(cx: &Context, args: &ExportArgs) -> Result<ExitStatus> {
    if let Some(tool) = args.agents {
        return agents::export(cx, tool, args.dry_run, args.force);
    }
    if args.format != Format::Bundle && (args.no_branches || args.with_secrets || args.history) {
        let message = format!("{} has no branches in it", args.format.name());
        return Err(Problem::usage("format", message)
            .hint("--no-branches, --with-secrets and --history are for bundles")
            .into());
    }
    let store = cx.store()?;
    let id = cx.find_run(&store, args.run.as_deref().unwrap_or("last"))?;
    let named = args.output.clone();
    let is_ours = named.is_none();
    let file = match (args.format, named) {
        // Among the files that agents work on it would be a change of theirs.
        (Format::Bundle, None) => {
            Some(places::make_exports(store.layout())?.join(format!("crew-{id}.tar.gz")))
        }
        (Format::Bundle, named) => named,
        (_, named) => named.filter(|file| *file != Path::new("-")),
    };
    let place = file.as_deref().map(|file| place_of(file, is_ours, args.force)).transpose()?;
    let words = hiding_ours(&[]);
    match (file, place) {
        (Some(file), Some(place)) if args.format == Format::Bundle => {
            write_bundle(cx, args, (&store, &id), (&file, &place), &words)
        }
        (Some(file), Some(place)) if place != Place::Stdout => {
            let text = written(&store, &id, args.format, &words)?;
            place.write(text.as_bytes()).map_err(|error| unwritten(&file, &error))?;
            let told = json!({"file": file, "format": args.format.name(), "bytes": text.len()});
            told_of(cx, &file, &told)
        }
        _ => {
            cx.printer.data(written(&store, &id, args.format, &words)?.trim_end_matches('\n'))?;
            Ok(ExitStatus::Done)
        }
    }
}

fn written(store: &Store, id: &RunId, format: Format, words: &Redactor) -> Result<String> {
    export::written(store, id, format, words)?.context("the run is recorded")
}

/// Writes a run as a bundle, and says what is not in there.
fn write_bundle(
    cx: &Context,
    args: &ExportArgs,
    (store, id): (&Store, &RunId),
    (file, place): (&Path, &Place),
    words: &Redactor,
) -> Result<ExitStatus> {
    if *place == Place::Stdout && std::io::stdout().is_terminal() {
        let problem = Problem::usage("output", "a bundle is no text for a terminal");
        return Err(problem.hint("-o FILE writes it into a file").into());
    }
    let by = name_of_person(store.layout());
    let stop = signals::wish_to_stop().context("listen to signals")?;
    let packing = Packing {
        by: &by,
        now: clock::now(),
        version: env!("CARGO_PKG_VERSION"),
        words,
        branches: !args.no_branches,
        secrets: args.with_secrets,
        history: args.history,
        stop: &stop,
    };
    let mut packed: Option<Manifest> = None;
    let pack = |out: &mut dyn Write| -> Result<(), BundleError> {
        packed = bundle::pack(store, id, &packing, out)?;
        Ok(())
    };
    place.fill(pack).map_err(|error| match error {
        // Whatever failed then failed because of that.
        _ if stop.load(Ordering::Relaxed) => Problem::interrupted("interrupted: nothing was written").into(),
        BundleError::Io(error) => unwritten(file, &error).into(),
        BundleError::Secrets(_) => Problem::refused("secrets", format!("{error}; nothing was written"))
            .hint("--no-branches leaves all that git holds out, --with-secrets packs it all the same")
            .into(),
        other => anyhow::Error::new(other).context("write the bundle"),
    })?;
    let manifest = packed.context("the run is recorded")?;
    for note in &manifest.notes {
        cx.printer.warn(&format!("note: {note}"));
    }
    if *place == Place::Stdout {
        return Ok(ExitStatus::Done);
    }
    let bytes = file.metadata().map_or(0, |file| file.len());
    let references = manifest.git.as_ref().map_or(0, |git| git.references.len());
    let needs = manifest.git.as_ref().map(|git| git.needs.clone()).unwrap_or_default();
    let told = json!({"file": file, "format": "bundle", "run": id, "bytes": bytes,
        "schema_version": manifest.schema_version, "entries": manifest.entries.len(), "references": references,
        "needs": needs, "notes": manifest.notes});
    if !cx.printer.json {
        let files = words::count(manifest.entries.len(), "file");
        let branches = words::count(references, "reference");
        cx.printer.tell(&format!("{}  {files}, {branches} of git", words::size(bytes)));
        if !needs.is_empty() {
            let commits: Vec<&str> = needs.iter().map(|commit| commit.get(..12).unwrap_or(commit)).collect();
            cx.printer.tell(&format!(
                "whoever takes it in needs {} (--history puts that in too)",
                commits.join(", ")
            ));
        }
    }
    told_of(cx, file, &told)
}

/// Says what was written.
fn told_of(cx: &Context, file: &Path, told: &serde_json::Value) -> Result<ExitStatus> {
    match cx.printer.json {
        true => cx.printer.json(told)?,
        false => cx.printer.tell(&format!("written to {}", file.display())),
    }
    Ok(ExitStatus::Done)
}

fn unwritten(file: &Path, error: &std::io::Error) -> Problem {
    let message = format!("{} could not be written: {error}", file.display());
    Problem { exit: ExitStatus::Failed, ..Problem::usage("output", message) }
}

/// Finds out where a file goes; refuses one that is there.
fn place_of(file: &Path, is_ours: bool, force: bool) -> Result<Place, Problem> {
    let named = if file == Path::new("-") { Path::new("/dev/stdout") } else { file };
    let place = Place::of(named).map_err(|error| {
        let message = format!("nothing can be written to {}: {error}", file.display());
        Problem::usage("output", message).hint("name a file in a folder that exists")
    })?;
    if place.is_kept() && !is_ours {
        let message = format!("{} lies among the files of git or of crew", file.display());
        return Err(Problem::usage("output", message).hint("name a file outside of .git and .crew"));
    }
    match &place {
        Place::File(path) if path.exists() && !force => {
            let message = format!("{} is there already", file.display());
            Err(Problem::refused("file_exists", message).hint("--force writes over it, -o names another"))
        }
        _ => Ok(place),
    }
}
