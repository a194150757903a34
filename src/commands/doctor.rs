//! `crew doctor`: whether everything that crew needs is there and whole. Each line is a check.

use super::agents::{self, Found};
use super::context::{Context, refuse_contradictions};
use super::cut_off;
use super::doctor_agents;
use super::doctor_bundle;
use super::doctor_git;
use super::doctor_probe;
use super::exit::{self, ExitStatus};
use super::mending::{self, Mended};
use super::notices;
use super::run::registry;
use super::sighting;
use super::telemetry;
use super::typist;
use crate::agents::abilities::SignedIn;
use crate::agents::builtin;
use crate::agents::registry::Registry;
use crate::domain::id::RunId;
use crate::domain::words::clean_line;
use crate::export::adapters::{self, Change, Tool};
use crate::runner::{clock, process};
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::store::salvage::{self, HeldBy};
use crate::ui::printer::Tone;
use crate::ui::words;
use crate::workspace::git::Git;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Less free space than this is a failure: agents and builds write hundreds of megabytes.
const LEAST_SPACE: u64 = 200 * 1000 * 1000;
/// Less free space than this is worth a warning.
const LITTLE_SPACE: u64 = 2_000_000_000;
/// Room for fewer files than this is worth a warning: a checkout makes thousands.
const LITTLE_FILES: u64 = 20_000;
/// How long is waited for others who put the store right, or write to it.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
/// The oldest git that has what crew asks for.
const OLDEST_GIT: (u32, u32) = (2, 38);
/// The oldest git that merges from a base that is given to it, as squashing and rebasing a task's work needs.
const GIT_WITH_BASES: (u32, u32) = (2, 40);
const OLDEST_GIT_HINT: &str = "install git 2.38 or newer";

/// Check git, disk, store, the record of runs, settings, resources and agents
///
/// Exit 1 where something is wrong.
#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Repair what can be repaired safely, and say what was done
    ///
    /// Ends what dead owners of runs have left running, applies requests that wait, writes JSON copies anew from the store,
    /// and moves to .crew/set-aside what cannot be read. What a merge that was killed has left goes, and a work tree that no
    /// run knows and that holds nothing of its own; no work is deleted, and no run is touched that a crew process holds.
    #[arg(long, conflicts_with_all = ["agents", "probe"])]
    fix: bool,

    /// Try the installed agent CLIs, or those named, against a scripted model: spends no token
    ///
    /// Each is started in an empty home and speaks to a server on this machine that plays the model. Options, events,
    /// exit codes, signals, sandboxes, sessions and handing in have to be as expected.
    #[arg(long, value_name = "NAME", num_args = 0..)]
    agents: Option<Vec<String>>,

    /// Ask an agent's real model for one word, in your own home: this costs tokens
    #[arg(long, value_name = "AGENT", conflicts_with = "agents")]
    probe: Option<String>,

    /// Model to ask for one word
    #[arg(long, value_name = "NAME", requires = "probe")]
    model: Option<String>,

    /// Write what a report of a mistake needs into one file, without secrets, and say what is in it
    #[arg(long, conflicts_with_all = ["agents", "probe", "fix"])]
    bundle: bool,

    /// File that the bundle is written to, which is not there yet; `-` is standard output. Else one in .crew/exports
    #[arg(long, short, value_name = "FILE", requires = "bundle")]
    output: Option<PathBuf>,

    /// How long one call of an agent may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    /// It was wrong, and is right now.
    Fixed,
    Warn,
    Fail,
}

pub(super) struct Check {
    name: &'static str,
    level: Level,
    detail: String,
    hint: Option<String>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Check {
        Check { name, level: Level::Ok, detail: detail.into(), hint: None }
    }

    fn fail(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Check {
        Check { level: Level::Fail, hint: Some(hint.into()), ..Check::ok(name, detail) }
    }

    pub(super) fn warn(name: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Check {
        Check { level: Level::Warn, ..Check::fail(name, detail, hint) }
    }
}

/// Makes all checks and tells what each found.
pub fn doctor(cx: &Context, args: &DoctorArgs) -> Result<ExitStatus> {
    let patience = Duration::from_secs(args.patience);
    if let Some(names) = &args.agents {
        return doctor_agents::examine(cx, names, patience);
    }
    if let Some(name) = &args.probe {
        return doctor_probe::probe(cx, name, args.model.as_deref(), patience);
    }
    if args.bundle {
        let found = examine(cx, false)?.iter().map(as_json).collect();
        return doctor_bundle::write(cx, args.output.as_deref(), found);
    }
    let checks = examine(cx, args.fix)?;
    exit::unless_nobody_reads(tell(cx, &checks))?;
    let failed = checks.iter().any(|check| check.level == Level::Fail);
    Ok(if failed { ExitStatus::Failed } else { ExitStatus::Done })
}

/// Makes all checks; with `fix`, repairs what can be repaired.
fn examine(cx: &Context, fix: bool) -> Result<Vec<Check>> {
    let mut checks = vec![check_git(&cx.folder)];
    match cx.layout() {
        Ok(layout) => {
            checks.push(check_disk(&layout));
            if fix {
                typist::refuse_agents(Some(layout.repository()))?;
            }
            checks.push(check_store(&layout, fix));
            // Without git, they would only say so once more.
            if checks[0].level != Level::Fail {
                checks.extend(check_merges(&layout));
                // What is wrong with the store itself has been said.
                if checks.iter().all(|check| check.name != "store" || check.level != Level::Fail) {
                    checks.extend(check_record(cx, &layout, fix)?);
                }
                checks.extend(doctor_git::left_locks(&layout));
                checks.extend(doctor_git::left_references(&layout));
                checks.extend(check_worktrees(&layout));
            }
            check_settings(cx, &layout, &mut checks);
            checks.extend(check_notices(cx, &layout));
            checks.extend(check_telemetry(cx, &layout));
        }
        Err(error) => {
            checks.push(Check::fail("repository", format!("{error:#}"), "git init, or crew -C FOLDER doctor"))
        }
    }
    Ok(checks)
}

fn word(level: Level) -> (&'static str, Tone) {
    match level {
        Level::Ok => ("ok", Tone::Good),
        Level::Fixed => ("fixed", Tone::Good),
        Level::Warn => ("warn", Tone::Attention),
        Level::Fail => ("FAIL", Tone::Bad),
    }
}

fn as_json(check: &Check) -> Value {
    let Check { name, level, detail, hint } = check;
    json!({"check": name, "level": word(*level).0.to_lowercase(), "detail": detail, "hint": hint})
}

fn tell(cx: &Context, checks: &[Check]) -> Result<()> {
    if cx.printer.json {
        let data: Vec<Value> = checks.iter().map(as_json).collect();
        let count = |level| checks.iter().filter(|check| check.level == level).count();
        let meta = json!({"failed": count(Level::Fail), "fixed": count(Level::Fixed)});
        return Ok(cx.printer.json(&json!({"data": data, "meta": meta}))?);
    }
    for check in checks {
        let (word, tone) = word(check.level);
        cx.printer.data(&format!(
            "{:11}  {:62}  {}",
            check.name,
            clean_line(&check.detail, 2000),
            cx.printer.tint(tone, word)
        ))?;
    }
    for hint in checks.iter().filter_map(|check| check.hint.as_ref()) {
        cx.printer.tell(&format!("hint: {}", clean_line(hint, 2000)));
    }
    Ok(())
}

fn check_git(folder: &Path) -> Check {
    match Git::at(folder).text(&["version"]) {
        Ok(text) => {
            let version = text.trim_start_matches("git version ").to_owned();
            let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
            let known = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
            if known < OLDEST_GIT {
                return Check::fail("git", format!("{version} is too old"), OLDEST_GIT_HINT);
            }
            if known < GIT_WITH_BASES {
                let hint = "install git 2.40 or newer, or merge with `crew merge --merge` only";
                return Check::warn("git", format!("{version} cannot squash or rebase tasks' work"), hint);
            }
            Check::ok("git", version)
        }
        Err(error) => Check::fail("git", error.to_string(), OLDEST_GIT_HINT),
    }
}

fn check_disk(layout: &Layout) -> Check {
    let hint = format!(
        "free some space: a full disk stops every run (less than {} is warned about, less than {} a failure)",
        words::size(LITTLE_SPACE),
        words::size(LEAST_SPACE)
    );
    // What crew records may lie on another disk than what agents work on.
    let places = [layout.repository(), layout.root()];
    let asked: Result<Vec<_>, _> =
        places.into_iter().filter(|place| place.exists()).map(rustix::fs::statvfs).collect();
    let disks = match asked {
        Ok(disks) => disks,
        Err(error) => return Check::fail("disk", format!("cannot be asked: {error}"), hint),
    };
    let free: Vec<u64> = disks.iter().map(|disk| disk.f_bavail * disk.f_frsize).collect();
    let least = if free.first() != free.last() { " where there is least" } else { "" };
    let free = free.into_iter().min().unwrap_or_default();
    let detail = format!("{} free{least}", words::size(free));
    // Some file systems have no bound on them, and say that they have none at all.
    let files = disks.iter().filter(|disk| disk.f_files > 0).map(|disk| disk.f_favail).min();
    match (free, files) {
        (0..LEAST_SPACE, _) => Check::fail("disk", detail, hint),
        (_, Some(files @ 0..LITTLE_FILES)) => {
            let detail = format!("{detail}, and room for {} more", words::count(files as usize, "file"));
            Check::warn(
                "disk",
                detail,
                "a disk takes no file any more once that is used up, whatever space is left",
            )
        }
        (LEAST_SPACE..LITTLE_SPACE, _) => Check::warn("disk", detail, hint),
        _ => Check::ok("disk", detail),
    }
}

fn check_store(layout: &Layout, fix: bool) -> Check {
    let hint = "keep a copy of .crew/crew.db before you mend it; crew deletes nothing";
    let (what, is_damaged) = match look_into_store(layout) {
        Ok(None) => match mending::run_folders(layout).len() {
            0 => return Check::ok("store", "not there yet; the first run makes it"),
            runs => {
                let what = format!("is gone, and .crew/runs holds {}", words::count(runs, "run"));
                return Check::fail("store", what, mending::UNRECORDED);
            }
        },
        Ok(Some(Looked { detail, damage, wrong })) if damage.is_empty() => {
            return match wrong.is_empty() {
                true => Check::ok("store", detail),
                false => Check::fail("store", format!("{detail}  {}", wrong.join("; ")), hint),
            };
        }
        Ok(Some(Looked { detail, damage, .. })) => (format!("{detail}  {}", damage.join("; ")), true),
        Err(error) => {
            let is_damaged = error.is_damaged() || matches!(error, StoreError::Replaced { .. });
            (exit::said(&error.into()), is_damaged)
        }
    };
    match (is_damaged, fix) {
        (false, _) => Check::fail("store", what, hint),
        (true, false) => {
            let hint = "crew doctor --fix brings what can be read into a new store, and sets this one aside as it is";
            Check::fail("store", what, hint)
        }
        (true, true) => salvage_store(layout, &what),
    }
}

/// Makes a new store of what can be read of the damaged one, and says what came of it.
fn salvage_store(layout: &Layout, what: &str) -> Check {
    let failed = |error: StoreError| {
        let why = format!("{what}; no new one could be made: {}", exit::said(&error.into()));
        Check::fail("store", why, "the damaged one is where it was; put that right, and try again")
    };
    let hold = match salvage::hold(layout, STORE_PATIENCE) {
        Ok(Ok(hold)) => hold,
        Ok(Err(held)) => {
            let who = match held {
                HeldBy::Run(run) => format!("run {run} is at work with it"),
                HeldBy::Another => "another process writes to it, or puts it right".into(),
            };
            let hint = "wait until no run is at work; then: crew doctor --fix";
            return Check::fail("store", format!("{what}; {who}"), hint);
        }
        Err(error) => return failed(error),
    };
    if hold.is_whole() {
        drop(hold);
        return check_store(layout, false);
    }
    let saved = match hold.salvage(clock::now()) {
        Ok(Some(saved)) => saved,
        Ok(None) => {
            let aside = layout.shown(&layout.set_aside());
            let detail = format!("the new one that was made has its place; the damaged one is in {aside}");
            return Check { level: Level::Fixed, ..Check::ok("store", detail) };
        }
        Err(error) => return failed(error),
    };
    let are = if saved.runs.len() == 1 { "is" } else { "are" };
    let mut detail = format!("{what}: {} {are} in a new one", words::count(saved.runs.len(), "run"));
    for (run, why) in &saved.cut_short {
        detail.push_str(&format!("; of {run} only the beginning, up to {}", clean_line(why, 200)));
    }
    // Not even their names may be in what could be read. One that has no logs never began.
    let unrecorded = Store::open_existing(layout).ok().flatten().map(|new| mending::unrecorded_runs(&new));
    let unrecorded = unrecorded.and_then(Result::ok).unwrap_or_default().into_iter();
    let begun = unrecorded.filter(|run| layout.run(run).logs().exists());
    let lost: BTreeSet<RunId> = saved.lost.iter().cloned().chain(begun).collect();
    for run in &lost {
        detail.push_str(&format!("; of {run} nothing but .crew/runs/{run}"));
    }
    if saved.unread > 0 {
        detail.push_str(&format!("; up to {} could not be read", words::count(saved.unread as usize, "row")));
    }
    detail.push_str(&format!("; the damaged one is at {}", layout.shown(&saved.aside)));
    if saved.cut_short.is_empty() && lost.is_empty() {
        return Check { level: Level::Fixed, ..Check::ok("store", detail) };
    }
    let hint = match saved.cut_short.is_empty() {
        false => {
            "crew status RUN says where a run stands that was cut short, and crew resume RUN goes on from there; logs and \
             copies in the folders of runs, and .crew/set-aside, tell what happened behind that"
        }
        true => {
            "logs and copies in the folders of runs, and .crew/set-aside, tell what happened in those that are lost"
        }
    };
    Check::warn("store", detail, hint)
}

/// Looks for merges that were cut off; a line for each.
fn check_merges(layout: &Layout) -> Vec<Check> {
    match cut_off::found(layout) {
        Ok(found) => found.into_iter().map(|found| Check::fail("merge", found.what, found.way_out)).collect(),
        Err(error) => {
            let hint = "where a file is named: move it away, once the folder is as you want it (git status)";
            vec![Check::fail("merge", format!("{error:#}"), hint)]
        }
    }
}

/// Counts the work trees of tasks, where there are any, and names what no run knows.
fn check_worktrees(layout: &Layout) -> Option<Check> {
    let store = Store::open_existing(layout).ok()??;
    match sighting::overview(&store) {
        Ok((0, _, strays)) if strays.is_empty() => None,
        Ok((trees, _, strays)) => {
            let detail = words::count(trees, "work tree");
            Some(match strays.first() {
                None => Check::ok("worktrees", detail),
                Some(first) => {
                    let detail = format!("{detail}, {} that no run here knows", strays.len());
                    let why = sighting::why_stray_stays(&store, first).filter(|_| first.path.is_some());
                    Check::warn("worktrees", detail, first.remark_with(why.as_deref()))
                }
            })
        }
        Err(error) => {
            let hint = "git worktree list says what git knows of them";
            Some(Check::fail("worktrees", format!("{error:#}"), hint))
        }
    }
}

/// Looks at the record of runs, and repairs it where that is asked for. A line for each thing that is wrong.
fn check_record(cx: &Context, layout: &Layout, fix: bool) -> Result<Vec<Check>> {
    let Ok(Some(store)) = Store::open_existing(layout) else { return Ok(Vec::new()) };
    let mut checks: Vec<Check> = check_clock(&store).into_iter().collect();
    checks.extend(check_sight(process::are_visible()));
    let hint = "crew doctor says more about the store";
    let found = match mending::find(cx, &store) {
        Ok(found) => found,
        Err(error) => {
            checks.push(Check::fail("record", format!("cannot be looked at: {error:#}"), hint));
            return Ok(checks);
        }
    };
    drop(store);
    for fault in &found {
        let mended = match fix {
            false => Ok(Mended::Left(fault.hint())),
            true => Store::open(layout)
                .map_err(anyhow::Error::from)
                .and_then(|mut store| mending::mend(cx, &mut store, fault)),
        };
        let (name, what) = (fault.name, &fault.what);
        checks.push(match mended {
            Ok(Mended::Done(done)) => {
                Check { level: Level::Fixed, ..Check::ok(name, format!("{what}: {done}")) }
            }
            Ok(Mended::Left(hint)) if fault.is_serious() => Check::fail(name, what, hint),
            Ok(Mended::Left(hint)) => Check::warn(name, what, hint),
            Err(error) => Check::fail(name, format!("{what}: {error:#}"), "put that right, and try again"),
        });
    }
    Ok(checks)
}

/// Says where it is not seen who else is at work: what a dead crew process has left running passes unnoticed there.
fn check_sight(are_visible: bool) -> Option<Check> {
    let hint = "before you prune or remove what a crew process left that was killed, look with ps for what it started";
    (!are_visible).then(|| Check::warn("processes", "not visible on this system", hint))
}

/// How far the clock may be behind the newest event before somebody is told.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// Compares the clock with the record, in which it only ever goes on.
fn check_clock(store: &Store) -> Option<Check> {
    let (now, jumps) = (clock::now(), store.clock_jumps().ok()?);
    if let Some(newest) = jumps.newest.filter(|newest| newest.since(now) > CLOCK_SLACK) {
        let detail =
            format!("is {} behind the newest event of the record", words::duration(newest.since(now)));
        let hint = "set the clock; until then what is recorded looks as if it came before what was";
        return Some(Check::warn("clock", detail, hint));
    }
    let (run, back) = jumps.largest?;
    let times = if jumps.count == 1 { "once".to_owned() } else { format!("{} times", jumps.count) };
    let run = store.short(&run).ok()?;
    let detail = format!(
        "was set back {times} in the record, by up to {} (run {run}); what came first is known by its number",
        words::duration(back)
    );
    Some(Check::ok("clock", detail))
}

/// What there is to say about a store.
struct Looked {
    detail: String,
    /// What is wrong with the file itself.
    damage: Vec<String>,
    /// What else is wrong.
    wrong: Vec<String>,
}

fn look_into_store(layout: &Layout) -> Result<Option<Looked>, StoreError> {
    let Some(store) = Store::open_existing(layout)? else { return Ok(None) };
    let version = store.version()?;
    let size = std::fs::metadata(layout.database()).map_or(0, |file| file.len());
    let runs = words::count(store.run_count()?, "run");
    let damage = store.check_integrity()?;
    let mut wrong = Vec::new();
    if version > Store::known_version() {
        wrong.push("written by a newer crew".into());
    }
    if let Err(error) = tempfile::tempfile_in(layout.runs()) {
        wrong.push(format!("{} cannot be written: {error}", layout.shown(&layout.runs())));
    }
    let detail =
        format!("{}  schema {version}  {runs}  {}", layout.shown(&layout.database()), words::size(size));
    Ok(Some(Looked { detail, damage, wrong }))
}

fn check_settings(cx: &Context, layout: &Layout, checks: &mut Vec<Check>) {
    let trusted = match cx.trusts(layout) {
        Ok(trusted) => trusted,
        Err(error) => {
            checks.push(Check::fail(
                "trust",
                format!("{error:#}"),
                "mend the file, or remove it and trust again",
            ));
            false
        }
    };
    let read = cx.settings(layout, &[], trusted).and_then(|settings| {
        refuse_contradictions(&settings)?;
        Ok((registry(&settings)?, settings))
    });
    match read {
        Ok((registry, settings)) => {
            let set = settings
                .list()
                .iter()
                .filter(|(.., origin)| *origin != crate::domain::settings::Origin::BuiltIn)
                .count();
            let trust = if trusted { "project trusted" } else { "project not trusted" };
            let detail = format!("{} set, {trust}", words::count(set, "value"));
            checks.push(match settings.refused.first() {
                None => Check::ok("settings", detail),
                Some(note) => Check::warn("settings", detail, note.clone()),
            });
            checks.push(check_resources(cx, layout, &registry, trusted));
            checks.extend(check_exported(cx, layout, &registry, trusted));
            checks.push(check_agents(&registry));
        }
        Err(error) => checks.push(Check::fail(
            "settings",
            exit::in_one_line(&error),
            "crew config list --origin; mend the file",
        )),
    }
}

/// Looks at how people are told who do not watch, where they are.
fn check_notices(cx: &Context, layout: &Layout) -> Option<Check> {
    let (detail, wrong) = notices::examined(cx, layout)?;
    Some(match wrong {
        None => Check::ok("notify", detail),
        Some(wrong) => {
            let hint = "crew config list shows notify.*; the next run that tells without trouble clears this";
            Check::warn("notify", format!("{detail}  {wrong}"), hint)
        }
    })
}

/// Looks at where the numbers of runs go, where they go anywhere.
fn check_telemetry(cx: &Context, layout: &Layout) -> Option<Check> {
    let (detail, wrong) = telemetry::examined(cx, layout)?;
    Some(match wrong {
        None => Check::ok("telemetry", detail),
        Some(wrong) => {
            let hint = "crew config list shows otlp.* and metrics.*; the next run that sends and writes all clears this";
            Check::warn("telemetry", format!("{detail}  {wrong}"), hint)
        }
    })
}

fn check_resources(cx: &Context, layout: &Layout, registry: &Registry, trusted: bool) -> Check {
    let (library, problems) = cx.library_with_problems(layout, registry, trusted);
    let counts = [
        words::count(library.agents.len(), "agent"),
        words::count(library.teams.len(), "team"),
        words::count(library.workflows.len(), "workflow"),
    ];
    match problems.first() {
        None => Check::ok("resources", counts.join(", ")),
        Some(first) => {
            let at = first.at.clone().unwrap_or_default();
            let detail = format!("{}; {at}: {}", words::count(problems.len(), "problem"), first.message);
            Check::fail("resources", detail, "crew validate shows them all")
        }
    }
}

/// Looks whether what was written for other programs is as crew would write it now; a line for each program.
fn check_exported(cx: &Context, layout: &Layout, registry: &Registry, trusted: bool) -> Vec<Check> {
    let used = Tool::ALL.into_iter().filter(|tool| adapters::is_used(layout.repository(), *tool));
    let library = cx.shared_library(layout, registry, trusted);
    let check = |tool: Tool| {
        let planned = adapters::plan(layout.repository(), tool, &library);
        let differ: Vec<String> = planned
            .iter()
            .filter(|planned| planned.change != Change::Same)
            .map(|planned| format!("{} {}", planned.path, drift_words(&planned.change)))
            .collect();
        let files = words::count(planned.len(), "file");
        if differ.is_empty() {
            return Check::ok("exported", format!("{files} for {}, as crew would write them", tool.name()));
        }
        let detail = format!("{} of {files} for {}: {}", differ.len(), tool.name(), differ.join(", "));
        let force =
            if planned.iter().any(|planned| planned.change == Change::Edited) { " --force" } else { "" };
        let is_foreign = planned.iter().any(|planned| matches!(planned.change, Change::Refuse(_)));
        let first = if is_foreign { "move what crew did not write out of the way; " } else { "" };
        let hint = format!(
            "{first}crew export --agents {name} --dry-run shows it, crew export --agents {name}{force} writes them anew",
            name = tool.name()
        );
        Check::warn("exported", detail, hint)
    };
    used.map(check).collect()
}

/// Says how a file that crew wrote for another program differs.
fn drift_words(change: &Change) -> &'static str {
    match change {
        Change::Create => "is missing",
        Change::Update => "is not what crew would write now",
        Change::Remove => "is of an agent that is not there any more",
        Change::Edited => "was changed since crew wrote it",
        Change::Left => {
            "is of an agent that is not there any more, and was changed: remove it if nobody needs it"
        }
        Change::Refuse(_) => "is not crew's any more",
        Change::Same => "is as it was",
    }
}

/// Tells which agents are installed, with their versions and whether they are signed in.
fn check_agents(registry: &Registry) -> Check {
    let found: Vec<Found> =
        agents::look_at(registry).into_iter().filter(|found| found.name != builtin::NAME).collect();
    let shown = |found: &Found| match &found.version {
        None if found.path.is_some() => format!("{} found", found.name),
        None => format!("{} -", found.name),
        Some(Ok(version)) => match found.signed_in {
            SignedIn::ByVariable(_) | SignedIn::ByFile(_) => format!("{} {version} signed in", found.name),
            SignedIn::No => format!("{} {version} not signed in", found.name),
            SignedIn::NotNeeded | SignedIn::Unknown => format!("{} {version}", found.name),
        },
        Some(Err(why)) => format!("{} does not run: {why}", found.name),
    };
    let mut detail: Vec<String> = found.iter().map(shown).collect();
    detail.push(format!("built-in {}", env!("CARGO_PKG_VERSION")));
    let detail = detail.join(" · ");
    let broken = found.iter().any(|found| matches!(found.version, Some(Err(_))));
    let none = found.iter().all(|found| found.path.is_none());
    if broken {
        Check::fail("agents", detail, "install the agent again, or choose another with --agent")
    } else if none {
        Check::warn("agents", detail, "only the built-in agent is here; it does not write code")
    } else {
        Check::ok("agents", detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_where_nobody_else_is_seen() {
        assert!(check_sight(true).is_none());
        let check = check_sight(false).unwrap();
        assert_eq!((check.name, check.level), ("processes", Level::Warn));
        assert!(process::are_visible() || !cfg!(target_os = "linux"));
    }
}
