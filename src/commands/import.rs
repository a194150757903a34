//! `crew import`: takes in a run that another crew has written to a file.
//!
//! # How it works
//!
//! All of the file is read, checked and replayed before anything is touched. Then the run's folder is filled, its references
//! are made, and at last the record is written in one transaction: until that is done, the run is not here, and whoever
//! begins anew finds what was half done by a mark and does it again.

use super::context::{Context, pruned_away};
use super::decide::name_of_person;
use super::exit::{ExitStatus, Problem};
use super::going_on::resume_with_trust;
use super::typist;
use crate::domain::event::Event;
use crate::domain::id::{RunId, TaskId};
use crate::domain::imported::Imported;
use crate::domain::merging::How;
use crate::domain::redact::HIDDEN;
use crate::domain::run::Run;
use crate::domain::task::{Task, Work};
use crate::domain::time::Time;
use crate::domain::words::{clean_line, clean_text};
use crate::export::bundle::{self, Bounds, BundleError, Incoming, Opened, Standing};
use crate::runner::{clock, process, signals};
use crate::store::database::Store;
use crate::store::layout::{Layout, RunPaths};
use crate::store::lock::{self, RunLock};
use crate::store::{StoreError, atomic_file, copies};
use crate::ui::words;
use crate::workspace::git::Git;
use crate::workspace::packing::{self, Reference};
use crate::workspace::staging::settled;
use crate::workspace::task_work::commit;
use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Says that the run's folder is being filled, and is no run's yet.
const MARK: &str = "importing";
/// The most files in a bundle.
const MAX_FILES: usize = 200_000;
/// The most commands that people are told, and the most characters of each.
const MAX_COMMANDS: usize = 20;
const MAX_COMMAND: usize = 200;
/// The most characters of what is said of a file.
const MAX_NOTE: usize = 1_000;
/// The most artifacts that people are told are missing.
const MAX_MISSING: usize = 10;

/// Take in a run that `crew export` wrote on another machine
///
/// All of the file is checked first: its layout, its checksums, and that each event follows from those before it. Its
/// branches get their own names back; none that is here is moved. After that the run is like any other: status, logs,
/// diff, artifacts, merge. It is gone on with by `crew resume`, once you trust what it runs.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// What `crew export` wrote; `-` is standard input
    file: PathBuf,

    /// Show what would come, and what stands against it; change nothing
    #[arg(long)]
    dry_run: bool,

    /// Give it another id, where a different run of its id is here: twelve characters, or `new` for any
    #[arg(long = "as", value_name = "ID")]
    other: Option<String>,

    /// The most megabytes that may come out of the file
    #[arg(long, value_name = "MB", default_value_t = 2048)]
    max_mb: u64,

    /// Who takes it in; default: git's user.name, or the user of this account
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// What would be done, and what stands against it.
struct Plan {
    incoming: Incoming,
    /// References that are not here yet.
    new: Vec<(Reference, String)>,
    /// It is here already, with so many events more.
    known: Option<usize>,
    conflicts: Vec<Problem>,
}

/// Takes a run in.
pub fn import(cx: &Context, args: &ImportArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    if !args.dry_run {
        typist::refuse_agents(Some(layout.repository()))?;
    }
    let bounds = Bounds { bytes: args.max_mb.saturating_mul(1 << 20), entries: MAX_FILES };
    let problem = |error: BundleError| problem_of(error, &args.file);
    let source = source_of(&args.file).map_err(problem)?;
    // Whoever waits until somebody opens the other end of a pipe is ended as ever.
    let stop = signals::wish_to_stop().context("listen to signals")?;
    let source = Patient { source, stop: &stop };
    let opened = bundle::open(source, bounds).map_err(|error| match stop.load(Ordering::Relaxed) {
        true => interrupted().into(),
        false => problem(error),
    })?;
    let id = id_of(args.other.as_deref(), &opened.manifest.run)?;
    let boot = process::identify(std::process::id()).map(|own| own.boot).unwrap_or_default();
    let incoming = bundle::incoming(&opened, &id, &boot).map_err(problem)?;
    let store = Store::open_existing(&layout)?;
    let git = settled(Git::at(layout.repository()).apart());
    let plan = plan(store.as_ref(), &git, &opened, incoming)?;
    if args.dry_run {
        tell_plan(cx, &opened, &plan)?;
        return Ok(if plan.conflicts.is_empty() { ExitStatus::Done } else { ExitStatus::Refused });
    }
    if let Some(conflict) = plan.conflicts.first() {
        return Err(conflict.clone().into());
    }
    let run = plan.incoming.run.id.clone();
    if let Some(more) = plan.known {
        return tell_known(cx, &run, more);
    }
    let by = args.by.clone().unwrap_or_else(|| name_of_person(&layout));
    let imported = imported_from(&opened, &args.file, &run, &by);
    take_in(cx, &layout, &git, &opened, plan, imported, &stop)
}

fn interrupted() -> Problem {
    Problem::interrupted("interrupted: nothing was taken in")
}

/// Fails once somebody wishes to stop.
fn unless_stopped(stop: &AtomicBool) -> Result<(), Problem> {
    if stop.load(Ordering::Relaxed) { Err(interrupted()) } else { Ok(()) }
}

/// Reads what comes, and hears meanwhile of the wish to stop.
struct Patient<'a> {
    source: File,
    stop: &'a AtomicBool,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let look = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("it was to stop"));
            }
            let mut polled = [PollFd::new(&self.source, PollFlags::IN)];
            match poll(&mut polled, Some(&look)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                // What cannot be waited for is there at once.
                _ => return self.source.read(buffer),
            }
        }
    }
}

/// Opens what a bundle comes from: a file, a pipe, or standard input.
fn source_of(file: &Path) -> Result<File, BundleError> {
    if is_stdin(file) {
        return Ok(io::stdin().as_fd().try_clone_to_owned()?.into());
    }
    let source = File::open(file)?;
    match source.metadata()?.is_dir() {
        true => Err(BundleError::NoBundle("it is a folder".into())),
        false => Ok(source),
    }
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Says which id the run gets here.
fn id_of(typed: Option<&str>, own: &RunId) -> Result<RunId, Problem> {
    match typed {
        None => Ok(own.clone()),
        Some("new") => Ok(RunId::from_random(uuid::Uuid::new_v4().as_u128())),
        Some(typed) => RunId::parse(typed).ok_or_else(|| {
            Problem::usage("run_id", format!("`{typed}` is no id of a run"))
                .hint("twelve digits and letters but i, l, o and u; --as new makes one")
        }),
    }
}

fn imported_from(opened: &Opened, file: &Path, run: &RunId, by: &str) -> Imported {
    let manifest = &opened.manifest;
    let line = |text: &str| clean_line(text, 200);
    let name = match is_stdin(file) {
        true => "standard input".into(),
        false => file.file_name().unwrap_or_default().to_string_lossy(),
    };
    Imported {
        file: line(&name),
        sha256: opened.sha256.clone(),
        by: line(by),
        exported_by: line(&manifest.exported_by),
        exported_at: manifest.exported_at,
        repository: line(&manifest.repository),
        was: (manifest.run != *run).then(|| manifest.run.clone()),
    }
}

/// Looks at what is here, and says what would be done.
fn plan(store: Option<&Store>, git: &Git, opened: &Opened, incoming: Incoming) -> Result<Plan> {
    let id = &incoming.run.id;
    let mut conflicts = Vec::new();
    let mut known = None;
    if let Some(store) = store {
        match store.tombstones(id.as_str(), 1)?.first() {
            Some(stone) => conflicts.push(pruned_away(stone, id.as_str())),
            None => match standing(store, &incoming)? {
                Some(Standing::Same { more_here }) => known = Some(more_here),
                Some(other) => conflicts.push(differs(id, other)),
                None => {}
            },
        }
    }
    let here = packing::references(git, id)?;
    let mut new = Vec::new();
    for (reference, name) in &incoming.references {
        match here.iter().find(|here| here.name == *name) {
            Some(same) if same.commit == reference.commit => {}
            // It is not taken in once more. What was done here since then is the newer one, and what is gone was taken away.
            _ if known.is_some() => {}
            Some(other) => {
                let message =
                    format!("{name} is here already, at {}, not at {}", other.commit, reference.commit);
                let hint = "--as new takes it in beside that, under another id";
                conflicts.push(Problem::refused("reference_taken", message).hint(hint));
            }
            None => new.push((reference.clone(), name.clone())),
        }
    }
    let needs = opened.manifest.git.iter().flat_map(|git| &git.needs);
    let missing: Vec<&String> =
        needs.filter(|needed| known.is_none() && commit(git, needed).is_none()).collect();
    if !missing.is_empty() {
        let ids: Vec<&str> = missing.iter().map(|id| id.get(..12).unwrap_or(id)).collect();
        let message = format!("the run builds on {}, which is not in this repository", ids.join(", "));
        let hint = "git fetch it first, or write the bundle with crew export --history";
        conflicts.push(Problem::refused("missing_commits", message).hint(hint));
    }
    Ok(Plan { incoming, new, known, conflicts })
}

/// Compares the run with the one of its id that is here; none where there is none.
fn standing(store: &Store, incoming: &Incoming) -> Result<Option<Standing>> {
    let mut here: Vec<(Time, Event)> = Vec::new();
    store.each_event(&incoming.run.id, 0, usize::MAX, |recorded| {
        here.push((recorded.at, recorded.event));
        Ok(())
    })?;
    Ok((!here.is_empty()).then(|| bundle::compare(&here, &incoming.events)))
}

fn differs(id: &RunId, standing: Standing) -> Problem {
    let hint = "crew import FILE --as new takes it in beside that, under another id";
    let message = match standing {
        Standing::Ahead { more_there } => {
            let events = words::count(more_there, "event");
            format!("run {id} is here already, and the file goes on from there by {events}")
        }
        Standing::Differs { at } => {
            format!("run {id} is here already, and differs from event {at} on: they are not one run any more")
        }
        Standing::Same { .. } => format!("run {id} is here already"),
    };
    Problem::refused("run_differs", message).hint(hint)
}

/// Does what was planned.
fn take_in(
    cx: &Context,
    layout: &Layout,
    git: &Git,
    opened: &Opened,
    plan: Plan,
    imported: Imported,
    stop: &AtomicBool,
) -> Result<ExitStatus> {
    unless_stopped(stop)?;
    let mut store = Store::open(layout).context("open the store")?;
    let Plan { mut incoming, new, .. } = plan;
    let missing = std::mem::take(&mut incoming.missing);
    let id = incoming.run.id.clone();
    let paths = store.paths(&id);
    let _lock = lock_of(&paths, &id)?;
    // Another one may have had the lock since it was looked whether the run is here. All that lies there is the run's by now.
    if store.number_of(&id)?.is_some() {
        let _ = fs::remove_file(paths.root().join(MARK));
        return Err(came_meanwhile(&id).into());
    }
    if let Err(error) = fill_folder(&paths, opened, stop) {
        undo(git, &[], &paths);
        return match error.is::<Problem>() {
            true => Err(error),
            false => Err(error.context("fill the run's folder")),
        };
    }
    if let Err(error) = packing::unpack(git, opened.branches().as_deref(), &new) {
        undo(git, &new, &paths);
        return Err(anyhow::Error::new(error).context("take its branches in"));
    }
    if let Err(problem) = unless_stopped(stop) {
        undo(git, &new, &paths);
        return Err(problem.into());
    }
    let base = incoming.run.base.as_ref().map(|base| base.commit.as_str());
    let brought = !incoming.references.is_empty();
    if let Some(base) = base.filter(|base| brought && commit(git, base).is_none()) {
        undo(git, &new, &paths);
        let message = format!("the run began from {base}, which is neither here nor in the file");
        let hint = "write the bundle with crew export --history";
        return Err(Problem::refused("missing_commits", message).hint(hint).into());
    }
    let mut events = incoming.events;
    let count = events.len();
    events.push((clock::now(), Event::RunImported(imported)));
    let run = match store.take_in(&id, events) {
        Ok(run) => run,
        Err(StoreError::Stale { .. }) => return Err(came_meanwhile(&id).into()),
        Err(error) => {
            undo(git, &new, &paths);
            return Err(anyhow::Error::new(error).context("record the run"));
        }
    };
    copies::write(&paths, &run, &store.artifacts(&id)?, false, clock::now())?;
    // With or without it, the run is here now.
    let _ = fs::remove_file(paths.root().join(MARK));
    tell_taken(cx, &store, opened, &run, (count, new.len()), &missing)
}

fn came_meanwhile(id: &RunId) -> Problem {
    Problem::refused("stale", format!("run {id} came in meanwhile; nothing was written"))
        .hint(format!("crew status {id} shows it"))
}

/// Takes the run's lock, in a folder that no run has, or that an import which was killed has left.
fn lock_of(paths: &RunPaths, id: &RunId) -> Result<RunLock> {
    let root = paths.root();
    let left = root.join(MARK).exists();
    let is_empty = fs::read_dir(root).map_or(true, |mut entries| entries.next().is_none());
    if !left && !is_empty {
        let message = format!("{} is there already, and in no record", root.display());
        let hint = "move it away, or crew import FILE --as new";
        return Err(Problem::refused("folder_taken", message).hint(hint).into());
    }
    fs::create_dir_all(root).with_context(|| format!("make {}", root.display()))?;
    atomic_file::write(&root.join(MARK), b"crew import fills this folder\n")?;
    lock::try_take(paths)?.ok_or_else(|| {
        let problem = Problem::refused("busy", format!("another process takes run {id} in"));
        problem.hint("try again once it is done").into()
    })
}

/// Puts the files of the run where they lay. What an import that was killed had put there goes first.
fn fill_folder(paths: &RunPaths, opened: &Opened, stop: &AtomicBool) -> Result<()> {
    for folder in [paths.artifacts(), paths.logs()] {
        if folder.symlink_metadata().is_ok() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
    }
    for (path, file) in opened.files() {
        unless_stopped(stop)?;
        let mut file = File::open(file)?;
        let place = paths.root().join(path);
        atomic_file::write_with(&place, |out| io::copy(&mut file, out).map(drop))?;
        File::options().append(true).open(&place)?.set_modified(file.metadata()?.modified()?)?;
    }
    Ok(())
}

/// Takes away what came before it turned out that the run cannot be recorded. What stays is in nobody's way: the next import
/// finds it, and the mark says whose it is.
fn undo(git: &Git, new: &[(Reference, String)], paths: &RunPaths) {
    let is_there = |made: &Reference| commit(git, &made.name).is_some_and(|commit| commit == made.commit);
    let made = new
        .iter()
        .map(|(reference, name)| Reference { name: name.clone(), commit: reference.commit.clone() });
    let _ = packing::take_away(git, &made.filter(is_there).collect::<Vec<_>>());
    let _ = fs::remove_dir_all(paths.root());
}

/// Something that going on with a run would start on this machine by itself. Whoever is to trust it has to see all of it.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WouldRun {
    Command {
        text: String,
    },
    Check {
        text: String,
    },
    Agent {
        program: String,
        text: String,
        role: String,
        persona: String,
        /// The first is taken; the others where it is not to be had.
        models: Vec<String>,
        may_write: bool,
    },
    /// Who an agent is told to be.
    Persona {
        name: String,
        text: String,
        tools: Vec<String>,
    },
    /// What commands find in their environment.
    Variable {
        name: String,
        text: String,
    },
    Merge {
        into: String,
        how: How,
    },
}

impl WouldRun {
    /// Returns it as one line, and whether that is all of it.
    fn line(&self) -> (String, bool) {
        let text = match self {
            WouldRun::Command { text } | WouldRun::Check { text } => text.clone(),
            WouldRun::Agent { program, text, role, models, may_write, .. } => {
                let models: String = models.iter().map(|model| format!(", {model}")).collect();
                let changes = if *may_write { "" } else { ", without changing files" };
                format!("the agent {program} ({role}{models}{changes}): {text}")
            }
            WouldRun::Persona { name, text, tools } => {
                let tools =
                    if tools.is_empty() { String::new() } else { format!(" (tools: {})", tools.join(", ")) };
                format!("as {name}{tools}, told: {text}")
            }
            WouldRun::Variable { name, text } => format!("with {name}={text}"),
            WouldRun::Merge { into, how } => format!("merges what was done into {into} ({how})"),
        };
        let shown = clean_line(&text, MAX_COMMAND);
        let is_whole = shown == clean_line(&text, usize::MAX);
        (shown, is_whole)
    }
}

/// Returns what going on with a run would start, each thing once.
fn would_run(run: &Run) -> Vec<WouldRun> {
    let mut all: Vec<WouldRun> = Vec::new();
    for task in run.tasks.iter().filter(|task| !task.state.is_settled()) {
        let own = match &task.spec.work {
            Work::Command { run } => WouldRun::Command { text: run.clone() },
            Work::Agent { role, program, persona, task, model, fallback_models, writes, .. } => {
                WouldRun::Agent {
                    program: program.clone(),
                    text: task.clone(),
                    role: role.clone(),
                    persona: persona.clone(),
                    models: model.iter().chain(fallback_models).cloned().collect(),
                    may_write: *writes,
                }
            }
            Work::Merge { into, how } => WouldRun::Merge { into: into.clone(), how: *how },
        };
        let persona = match &own {
            WouldRun::Agent { persona, .. } => run.personas.get_key_value(persona),
            _ => None,
        };
        let persona = persona.map(|(name, persona)| WouldRun::Persona {
            name: name.clone(),
            text: persona.system_prompt.clone(),
            tools: persona.tools.clone(),
        });
        let checks = task.spec.verify.iter().map(|verify| WouldRun::Check { text: verify.clone() });
        for one in [own].into_iter().chain(persona).chain(checks) {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    if !all.is_empty() {
        let variable =
            |(name, text): (&String, &String)| WouldRun::Variable { name: name.clone(), text: text.clone() };
        all.extend(run.vars.iter().map(variable));
    }
    all
}

/// Returns the tasks that are left to do and whose commands are not those that somebody wrote: a secret was taken out of them.
fn altered(run: &Run) -> Vec<&TaskId> {
    let is_altered = |task: &&Task| {
        let own = match &task.spec.work {
            Work::Command { run } => Some(run),
            Work::Agent { .. } | Work::Merge { .. } => None,
        };
        !task.state.is_settled() && own.into_iter().chain(&task.spec.verify).any(|text| text.contains(HIDDEN))
    };
    run.tasks.iter().filter(is_altered).map(|task| &task.spec.id).collect()
}

/// Refuses to go on with a run that came without the secrets in its commands: others would run than it had.
pub fn refuse_altered(run: &Run, short: &str) -> Result<(), Problem> {
    let altered = if run.imported.is_some() { altered(run) } else { Vec::new() };
    let Some(first) = altered.first() else { return Ok(()) };
    let names: Vec<&str> = altered.iter().map(|task| task.as_str()).collect();
    let message =
        format!("run {short} came without the secrets that stood in the commands of {}", names.join(", "));
    let hint = format!(
        "crew cancel {short} {first} leaves such a task out, and the others go on; or make the run anew"
    );
    Err(Problem::refused("altered_commands", message).hint(hint))
}

/// Refuses to check a merge by commands that came without their secrets.
pub fn refuse_altered_checks(run: &Run, short: &str) -> Result<(), Problem> {
    let is_altered = |task: &&Task| task.spec.verify.iter().any(|verify| verify.contains(HIDDEN));
    match run.tasks.iter().filter(|_| run.imported.is_some()).find(is_altered) {
        None => Ok(()),
        Some(task) => {
            let message =
                format!("run {short} came without the secrets that stood in the checks of {}", task.spec.id);
            let hint = format!("crew merge {short} --no-verify runs none of them");
            Err(Problem::refused("altered_commands", message).hint(hint))
        }
    }
}

/// What is to be said of a file beside what it says itself.
fn notes_of(opened: &Opened, run: &Run, missing: &[String]) -> Vec<String> {
    let mut notes = opened.manifest.notes.clone();
    if !missing.is_empty() {
        let shown: Vec<String> = missing.iter().take(MAX_MISSING).map(|path| clean_line(path, 200)).collect();
        let more = missing.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let artifacts = words::count(missing.len(), "artifact");
        notes.push(format!(
            "the record names {artifacts} that the file does not have: {}{more}",
            shown.join(", ")
        ));
    }
    let altered: Vec<&str> = altered(run).iter().map(|task| task.as_str()).collect();
    if !altered.is_empty() {
        notes.push(format!(
            "the commands of {} are not whole, and are not run: a secret was taken out of them",
            altered.join(", ")
        ));
    }
    notes
}

fn tell_plan(cx: &Context, opened: &Opened, plan: &Plan) -> Result<()> {
    let (run, manifest) = (&plan.incoming.run, &opened.manifest);
    let notes = notes_of(opened, run, &plan.incoming.missing);
    let commands = would_run(run);
    if cx.printer.json {
        let conflicts: Vec<Value> = plan
            .conflicts
            .iter()
            .map(
                |conflict| json!({"code": conflict.code, "message": conflict.message, "hint": conflict.hint}),
            )
            .collect();
        cx.printer.json(
            &json!({"run": run.id, "status": run.status(false), "goal": run.goal, "dry_run": true,
            "imported": false, "known": plan.known.is_some(), "tasks": run.tasks.len(),
            "events": plan.incoming.events.len(), "entries": manifest.entries.len(),
            "references": plan.new.iter().map(|(_, name)| name).collect::<Vec<_>>(),
            "exported_by": manifest.exported_by, "exported_at": manifest.exported_at,
            "repository": manifest.repository, "crew_version": manifest.crew_version,
            "would_run": commands, "missing": plan.incoming.missing, "notes": notes, "conflicts": conflicts}),
        )?;
        return Ok(());
    }
    let line = |text: &str| clean_line(text, 200);
    let out = &cx.printer;
    out.data(&format!("run {}  {}   \"{}\"", run.id, run.status(false).words(), line(&run.goal)))?;
    out.data(&format!(
        "written by {} in {} at {}, crew {}",
        line(&manifest.exported_by),
        line(&manifest.repository),
        manifest.exported_at,
        line(&manifest.crew_version)
    ))?;
    out.data(&format!(
        "{}, {}, {}, {} to make",
        words::count(run.tasks.len(), "task"),
        words::count(plan.incoming.events.len(), "event"),
        words::count(manifest.entries.len(), "file"),
        words::count(plan.new.len(), "reference")
    ))?;
    notes.iter().try_for_each(|note| out.data(&format!("note: {}", clean_line(note, MAX_NOTE))))?;
    tell_commands(cx, &commands, "the same with --json");
    match plan.known {
        Some(more) => out.data(&known_words(&run.id, more))?,
        None if plan.conflicts.is_empty() => out.data("nothing stands against it")?,
        None => {}
    }
    for conflict in &plan.conflicts {
        out.data(&format!("conflict: {}", clean_text(&conflict.message, 1_000)))?;
        conflict.hint.iter().for_each(|hint| out.tell(&format!("hint: {hint}")));
    }
    Ok(())
}

/// Says what going on with the run would start. `whole` shows what has no room here.
fn tell_commands(cx: &Context, commands: &[WouldRun], whole: &str) {
    if commands.is_empty() {
        return;
    }
    cx.printer.tell("going on with it runs");
    let mut all_shown = commands.len() <= MAX_COMMANDS;
    for command in commands.iter().take(MAX_COMMANDS) {
        let (line, is_whole) = command.line();
        all_shown &= is_whole;
        cx.printer.tell(&format!("  {line}"));
    }
    if commands.len() > MAX_COMMANDS {
        cx.printer.tell(&format!("  and {} more", commands.len() - MAX_COMMANDS));
    }
    if !all_shown {
        cx.printer.tell(&format!("that is not all of it; {whole} shows it whole"));
    }
}

fn known_words(id: &RunId, more: usize) -> String {
    match more {
        0 => format!("run {id} is here already, as it is in the file"),
        more => format!("run {id} is here already, and {} further", words::count(more, "event")),
    }
}

fn tell_known(cx: &Context, id: &RunId, more: usize) -> Result<ExitStatus> {
    match cx.printer.json {
        true => {
            cx.printer.json(&json!({"run": id, "imported": false, "known": true, "more_events": more}))?
        }
        false => cx.printer.tell(&format!("{}: nothing to do", known_words(id, more))),
    }
    Ok(ExitStatus::Done)
}

fn tell_taken(
    cx: &Context,
    store: &Store,
    opened: &Opened,
    run: &Run,
    (events, references): (usize, usize),
    missing: &[String],
) -> Result<ExitStatus> {
    let (status, commands) = (run.status(false), would_run(run));
    let notes = notes_of(opened, run, missing);
    if cx.printer.json {
        cx.printer.json(
            &json!({"run": run.id, "status": status, "imported": true, "known": false, "events": events,
            "references": references, "would_run": commands, "missing": missing, "notes": notes,
            "from": run.imported}),
        )?;
        return Ok(ExitStatus::Done);
    }
    let short = store.short(&run.id)?;
    let goal = clean_line(&run.goal, 200);
    cx.printer.data(&format!("run {short}  {}   \"{goal}\"", status.words()))?;
    let (events, references) = (words::count(events, "event"), words::count(references, "reference"));
    cx.printer.tell(&format!("taken in: {events}, {references} of git"));
    notes.iter().for_each(|note| cx.printer.tell(&format!("note: {}", clean_line(note, MAX_NOTE))));
    if status.goes_on() {
        tell_commands(cx, &commands, &format!("crew export {short} --format json"));
        let resume = resume_with_trust(&short);
        cx.printer.tell(&format!("next  crew status {short}    {resume}"));
    } else {
        cx.printer.tell(&format!("next  crew status {short}    crew diff {short}"));
    }
    Ok(ExitStatus::Done)
}

/// Says what is wrong with a file, and what to do about it.
fn problem_of(error: BundleError, file: &Path) -> anyhow::Error {
    let shown = if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() };
    let about = |code, hint: &str| Problem::refused(code, format!("{shown}: {error}")).hint(hint).into();
    match &error {
        BundleError::NoBundle(_) => about("no_bundle", "crew export RUN writes one"),
        BundleError::Newer { .. } => about("newer_bundle", "update crew; nothing was taken in"),
        BundleError::Damaged(_) => {
            about("damaged_bundle", "nothing was taken in; copy it once more, or export it anew")
        }
        BundleError::Unsafe(_) | BundleError::Event { .. } | BundleError::Pack(_) => {
            about("unsafe_bundle", "nothing was taken in; crew did not write it like that")
        }
        BundleError::TooLarge(_) => {
            about("large_bundle", &format!("--max-mb MB allows more, of at most {MAX_FILES} files"))
        }
        BundleError::Io(_) => {
            Problem { exit: ExitStatus::Failed, ..Problem::usage("unreadable", format!("{shown}: {error}")) }
                .into()
        }
        _ => anyhow::Error::new(error).context(format!("read {shown}")),
    }
}
