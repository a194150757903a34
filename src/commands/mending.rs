//! What is not as it should be in the record of runs, and how it is put right.
//!
//! Nothing is done about a run that a crew process holds, and whatever is done holds the run's lock meanwhile. What cannot be
//! read is set aside, never deleted. Done once, there is nothing left to do.

use super::context::Context;
use super::going_on::resume_command;
use super::sighting::{self, Stray, Trial};
use super::submit;
use super::worktree;
use crate::domain::event::ProcessId;
use crate::domain::id::RunId;
use crate::domain::publishing::in_shell;
use crate::domain::run::{Run, RunStatus};
use crate::domain::task::{Attempt, Task, TaskState};
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::runner::launch::Limits;
use crate::runner::marks;
use crate::runner::process;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::store::queries::RunRow;
use crate::store::{StoreError, copies, inbox, lock, set_aside};
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirEntry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Something that is not as it should be.
pub struct Fault {
    /// What it is about: `record`, `processes`, `requests`, `copies`, `files`, `leftovers`, `worktrees`, `runs`.
    pub name: &'static str,
    pub what: String,
    pub cure: Cure,
}

/// What is done about it.
pub enum Cure {
    /// End what a dead crew process has left running.
    End { run: RunId, processes: Vec<u32> },
    /// Apply requests that wait.
    Settle { run: RunId },
    /// Write the JSON copies anew; those that cannot be read are set aside.
    Copy { run: RunId, unreadable: Vec<PathBuf> },
    /// Move away what crew cannot read, and would stumble over.
    SetAside { run: Option<RunId>, path: PathBuf, why: &'static str },
    /// Take away what a merge that was killed had left.
    ClearTrial(Trial),
    /// Take away a work tree of crew's that no run knows, and that holds nothing of its own.
    RemoveStray(Stray),
    /// Only a person can, by this.
    ByHand(String),
}

impl Fault {
    fn of(name: &'static str, what: String, cure: Cure) -> Fault {
        Fault { name, what, cure }
    }

    /// Tells whether something is wrong rather than left over.
    pub fn is_serious(&self) -> bool {
        let is_in_the_way = matches!(self.cure, Cure::End { .. } | Cure::SetAside { .. });
        (is_in_the_way && self.name != "leftovers") || self.name == "record"
    }

    /// Says what can be done about it.
    pub fn hint(&self) -> String {
        let does = match &self.cure {
            Cure::End { .. } => "ends what was left running; what it did stays in its folder",
            Cure::Settle { .. } => "applies what waits",
            Cure::Copy { .. } => "writes the copies anew from the store",
            Cure::SetAside { .. } => "moves it to .crew/set-aside",
            Cure::ClearTrial(_) => "takes away what the merge has left",
            Cure::RemoveStray(_) => "takes away what holds nothing of its own",
            Cure::ByHand(hint) => return hint.clone(),
        };
        format!("crew doctor --fix {does}")
    }
}

/// What came of a cure.
pub enum Mended {
    /// What was done.
    Done(String),
    /// Why nothing was.
    Left(String),
}

/// Looks for all that is not as it should be. Nothing is changed.
pub fn find(cx: &Context, store: &Store) -> Result<Vec<Fault>> {
    // What lies in the way of all else goes first. Folders are listed before runs: one that comes meanwhile is known.
    let mut faults = strange_files(store.layout());
    let folders = run_folders(store.layout());
    let mut left = left_running(store);
    let rows = store.runs(usize::MAX)?;
    let settings = cx.settings_or_built_in(store.layout());
    for row in &rows {
        let of_run = left.remove(row.id.as_str()).unwrap_or_default();
        let looked = match lock::is_owned(&store.paths(&row.id)) {
            Ok(true) => continue,
            Ok(false) => {
                let adopts = Limits::of_run(&settings, &store.paths(&row.id)).adopts;
                look_at_run(store, row, (of_run, adopts), &mut faults)
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = looked {
            let what =
                format!("run {} cannot be looked at: {}", row.id, clean_line(&format!("{error:#}"), 300));
            faults.push(Fault::of("record", what, Cure::ByHand("put that right, and try again".into())));
        }
    }
    faults.extend(unrecorded(store, &rows, folders)?);
    for (run, processes) in left {
        let what =
            format!("{} of run {}, which is not recorded here", told(&processes), clean_line(&run, 20));
        let pids: Vec<String> = processes.iter().map(u32::to_string).collect();
        let hint = format!("look what that is; then: kill {}", pids.join(" "));
        faults.push(Fault::of("processes", what, Cure::ByHand(hint)));
    }
    faults.extend(left_worktrees(store)?);
    faults.extend(strange_worktrees(store.layout()));
    Ok(faults)
}

/// Returns the processes that were started for a run, by its id. Those that we ourselves are below are somebody's at work.
fn left_running(store: &Store) -> BTreeMap<String, Vec<u32>> {
    let mut left: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (pid, run) in process::started_for(store.layout().repository()) {
        if !process::is_below(pid) {
            left.entry(run).or_default().push(pid);
        }
    }
    left
}

/// Says which processes: `1 process left behind (4121 sleep)`.
fn told(processes: &[u32]) -> String {
    let name =
        |pid: &u32| format!("{pid} {}", process::name_of(*pid).unwrap_or_default()).trim_end().to_owned();
    let some: Vec<String> = processes.iter().take(3).map(name).collect();
    let more = if processes.len() > 3 { ", ..." } else { "" };
    let count = match processes.len() {
        1 => "1 process".to_owned(),
        many => format!("{many} processes"),
    };
    format!("{count} left behind (pid {}{more})", clean_line(&some.join(", "), 200))
}

/// Tells whether a process that was left at work is of an attempt that is open: whoever resumes the run looks after it.
fn is_of_open_attempt(run: &Run, pid: u32) -> bool {
    let of = |last: &&Attempt| last.process.as_ref().is_some_and(|process| process.pid == pid);
    let open = |task: &&Task| task.last().is_some_and(Attempt::is_open);
    let mut tasks = run.tasks.iter().filter(open);
    let given = process::identify(pid).map(|process| process::given_to(&process)).unwrap_or_default();
    let named = given.iter().find(|(name, _)| name == "CREW_TASK").map(|(_, task)| task);
    tasks.any(|task| {
        task.last().as_ref().is_some_and(of) || named.is_some_and(|named| *named == *task.spec.id.to_string())
    })
}

/// `left` are processes that were started for the run, and whether those of open attempts are left to whoever resumes it.
fn look_at_run(store: &Store, row: &RunRow, left: (Vec<u32>, bool), faults: &mut Vec<Fault>) -> Result<()> {
    let (mut left, adopts) = left;
    let mut stay = Vec::new();
    let (id, short) = (&row.id, store.short(&row.id)?);
    let paths = store.paths(id);
    let status = row.status(false);
    let is_open = status == RunStatus::Interrupted || (status == RunStatus::Queued && row.started);
    let loaded = store.load_run(id);
    match &loaded {
        Ok(Some(run)) => {
            if is_open {
                let attempts = run.tasks.iter().filter_map(|task| task.last());
                let children =
                    attempts.filter(|last| last.is_open()).filter_map(|last| last.process.as_ref());
                let marks = marks::of_run(store.layout().repository(), id);
                let is_ours =
                    |child: &&ProcessId| process::is_alive(child) && !process::is_elsewhere(child, &marks);
                let alive = children.filter(is_ours).map(|child| child.pid);
                for pid in alive.collect::<Vec<_>>() {
                    if !left.contains(&pid) {
                        left.push(pid);
                    }
                }
            }
            if adopts && status == RunStatus::Interrupted {
                (stay, left) = left.into_iter().partition(|pid| is_of_open_attempt(run, *pid));
            }
        }
        Ok(None) => return Ok(()),
        Err(error) => faults.push(unreadable(&short, error)),
    }
    let resume = match &loaded {
        Ok(Some(run)) => resume_command(store.layout(), run, &short),
        _ => format!("crew resume {short}"),
    };
    if !stay.is_empty() {
        let what = format!("run {short}: {}", told(&stay));
        let hint = format!("{resume} looks after them: recovery.living is adopt");
        faults.push(Fault::of("processes", what, Cure::ByHand(hint)));
    }
    if !left.is_empty() {
        let what = format!("run {short}: {}", told(&left));
        faults.push(Fault::of("processes", what, Cure::End { run: id.clone(), processes: left }));
    }
    let waiting = inbox::waiting(&paths.inbox()).len();
    if waiting > 0 {
        let what = format!(
            "run {short}: {}",
            words::count(waiting, "request").to_owned() + " that nobody has answered"
        );
        faults.push(Fault::of("requests", what, Cure::Settle { run: id.clone() }));
    }
    for path in inbox::unreadable(&paths.inbox()) {
        let what = format!("{} is no file that crew reads", store.layout().shown(&path));
        let why = "it is no plain file, and lay where requests are";
        faults.push(Fault::of("files", what, Cure::SetAside { run: Some(id.clone()), path, why }));
    }
    for path in inbox::strange(&paths.inbox()) {
        let what = format!("{} is no request", store.layout().shown(&path));
        let why = "it is no request, and lay where requests are";
        faults.push(Fault::of("leftovers", what, Cure::SetAside { run: Some(id.clone()), path, why }));
    }
    // What cannot be replayed cannot be copied either, and is told as what it is.
    if let Ok(Some(run)) = &loaded
        && let Some((what, unreadable)) = look_at_copies(store, row, run)?
    {
        let what = format!("run {short}: {what}");
        faults.push(Fault::of("copies", what, Cure::Copy { run: id.clone(), unreadable }));
    }
    if is_open {
        let what = match (status, row.ended_at) {
            (RunStatus::Queued, _) => format!("run {short} is queued again, and nobody carries it out"),
            (_, Some(_)) => format!("run {short} was stopped with tasks left"),
            (_, None) => format!("run {short} was interrupted: its crew process is gone"),
        };
        faults.push(Fault::of("runs", what, Cure::ByHand(format!("{resume} carries it on"))));
    }
    Ok(())
}

fn unreadable(short: &str, error: &StoreError) -> Fault {
    let what = format!("the record of run {short} cannot be read: {}", clean_line(&error.to_string(), 200));
    let hint = format!(
        "a newer crew may have written it, and reads it; crew prune {short} moves it to .crew/set-aside as it is"
    );
    Fault::of("record", what, Cure::ByHand(hint))
}

/// Finds out whether the JSON copies of a run say what the store says: what is wrong, and the files that cannot be read.
fn look_at_copies(store: &Store, row: &RunRow, run: &Run) -> Result<Option<(String, Vec<PathBuf>)>> {
    let paths = store.paths(&row.id);
    let (mut wrong, mut unreadable) = (Vec::new(), Vec::new());
    let mut read = |path: PathBuf| -> Option<Value> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                wrong.push(format!("{name} is missing"));
                return None;
            }
            Err(error) => {
                wrong.push(format!("{name} cannot be read: {error}"));
                unreadable.push(path);
                return None;
            }
        };
        match serde_json::from_slice(&text) {
            Ok(value) => Some(value),
            Err(_) => {
                wrong.push(format!("{name} is cut off or garbled"));
                unreadable.push(path);
                None
            }
        }
    };
    let (manifest, tasks) = (read(paths.manifest()), read(paths.tasks()));
    let (manifest_now, tasks_now) = copies::rendered(run, &store.artifacts(&row.id)?, false, clock::now())
        .context("render the copies")?;
    let mut compare = |name: &str, copy: Option<Value>, is_old: &dyn Fn(&Value) -> bool, now: &Value| {
        let Some(copy) = copy else { return };
        if is_old(&copy) {
            wrong.push(format!("{name} is older than the store"));
        } else if !copies::agrees(&copy, now) {
            wrong.push(format!("{name} says something else than the store"));
        }
    };
    let is_old = |manifest: &Value| manifest["status"] != row.status(false).name();
    compare("manifest.json", manifest, &is_old, &manifest_now);
    let is_same = |tasks: &Value| {
        let tasks = tasks["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let in_state = |state: TaskState| tasks.iter().filter(|task| task["status"] == state.name()).count();
        tasks.len() == row.counts.total()
            && TaskState::ALL.into_iter().all(|state| in_state(state) == row.counts.of(state))
    };
    compare("tasks.json", tasks, &|tasks| !is_same(tasks), &tasks_now);
    Ok((!wrong.is_empty()).then(|| (wrong.join(", "), unreadable)))
}

/// Finds what lies among the runs' folders and is none, and what is in the place of a run's lock and can be none.
fn strange_files(layout: &Layout) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut add = |name: &'static str, path: PathBuf, is: &str, why: &'static str| {
        let what = format!("{} is {is}", layout.shown(&path));
        faults.push(Fault::of(name, what, Cure::SetAside { run: None, path, why }));
    };
    for entry in std::fs::read_dir(layout.runs()).into_iter().flatten().flatten() {
        let Some(run) = entry.file_name().to_str().and_then(RunId::parse) else {
            if !is_hidden(&entry) {
                add("leftovers", entry.path(), "of no run", "it is of no run, and lay where runs are");
            }
            continue;
        };
        let lock = layout.run(&run).lock();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            add("files", entry.path(), "not a folder", "a run's folder has to be here");
        } else if lock.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
            add("files", lock, "no plain file", "a run's lock has to be here");
        }
    }
    faults
}

/// Tells whether an entry of a folder is hidden from people: editors and file browsers leave such things.
fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Finds what lies among the tasks' work trees and is none. A run that is being carried out may be making one.
fn strange_worktrees(layout: &Layout) -> Vec<Fault> {
    let inside = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().collect::<Vec<_>>();
    let is_tree = |entry: &DirEntry| entry.path().join(".git").symlink_metadata().is_ok();
    let mut strange: Vec<DirEntry> = Vec::new();
    for entry in inside(&layout.worktrees()) {
        match entry.file_name().to_str().and_then(RunId::parse) {
            Some(run) if entry.file_type().is_ok_and(|kind| kind.is_dir()) => {
                let trees = inside(&entry.path());
                // Looked at after what lies there: who is at work now may have made it.
                if !lock::is_owned(&layout.run(&run)).unwrap_or(true) {
                    strange.extend(trees);
                }
            }
            _ => strange.push(entry),
        }
    }
    strange.retain(|entry| !is_hidden(entry) && !is_tree(entry));
    let fault = |entry: DirEntry| {
        let path = entry.path().display().to_string();
        let what = format!("{} is no work tree of git's", layout.shown(&entry.path()));
        let hint = format!("look what of it you want, and then: {}", in_shell("rm", &["-r".into(), path]));
        Fault::of("worktrees", what, Cure::ByHand(hint))
    };
    let mut faults: Vec<Fault> = strange.into_iter().map(fault).collect();
    faults.sort_by(|one, other| one.what.cmp(&other.what));
    faults
}

/// Returns the runs whose folders hold something, by their names.
pub fn run_folders(layout: &Layout) -> Vec<RunId> {
    let inside = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten().collect::<Vec<_>>();
    // Who was killed before the run was recorded has left its lock, and nothing else.
    let holds = |run: &RunId| {
        inside(layout.run(run).root()).iter().any(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => !inside(&entry.path()).is_empty(),
            _ => entry.file_name() != "lock",
        })
    };
    let entries = inside(&layout.runs());
    let runs = entries.iter().filter_map(|entry| RunId::parse(entry.file_name().to_str()?));
    let mut runs: Vec<RunId> = runs.filter(holds).collect();
    runs.sort();
    runs
}

/// Returns the runs among these folders of which nothing is recorded, and nobody is about to.
fn unknown_among(store: &Store, known: &BTreeSet<RunId>, folders: Vec<RunId>) -> Vec<RunId> {
    // A crew process that makes its run just now holds it already.
    let is_held = |run: &RunId| lock::is_owned(&store.paths(run)).unwrap_or(false);
    folders.into_iter().filter(|run| !known.contains(run) && !is_held(run)).collect()
}

/// Returns the runs that the record knows, those too that were pruned.
fn known_runs(store: &Store, rows: &[RunRow]) -> Result<BTreeSet<RunId>> {
    let pruned = store.tombstones("", usize::MAX)?;
    Ok(rows.iter().map(|row| row.id.clone()).chain(pruned.into_iter().map(|stone| stone.id)).collect())
}

/// Returns the runs whose folders are all that is left of them.
pub fn unrecorded_runs(store: &Store) -> Result<Vec<RunId>> {
    // Folders are listed before runs: one that comes meanwhile is known.
    let folders = run_folders(store.layout());
    Ok(unknown_among(store, &known_runs(store, &store.runs(usize::MAX)?)?, folders))
}

/// Compares the folders of runs with the record: which of them are of none.
fn unrecorded(store: &Store, rows: &[RunRow], folders: Vec<RunId>) -> Result<Option<Fault>> {
    let known = known_runs(store, rows)?;
    let unknown = unknown_among(store, &known, folders);
    if unknown.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = unknown.iter().take(MOST_NAMED).map(|run| run.as_str()).collect();
    let more = if unknown.len() > names.len() { ", ..." } else { "" };
    let what = format!(
        "{} in .crew/runs {} recorded: {}{more}",
        words::count(unknown.len(), "run"),
        if unknown.len() == 1 { "is not" } else { "are not" },
        names.join(", ")
    );
    // Where it knows nothing at all, somebody has lost a store.
    let name = if known.is_empty() { "record" } else { "runs" };
    Ok(Some(Fault::of(name, what, Cure::ByHand(UNRECORDED.into()))))
}

/// The most runs that are named where many are of no record.
const MOST_NAMED: usize = 50;

/// What a person can do about folders of runs that no record knows.
pub const UNRECORDED: &str = "copies, logs and artifacts in their folders are all that is left of them: \
                              put a crew.db back that knows them, or move the folders away";

fn left_worktrees(store: &Store) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    // Where that cannot be looked at, the check of the work trees says so.
    let Ok((_, trials, strays)) = sighting::overview(store) else { return Ok(faults) };
    for trial in trials.into_iter().filter(|trial| !trial.owned) {
        let what = format!("run {}: a merge that was killed has left its work tree", trial.short);
        faults.push(Fault::of("worktrees", what, Cure::ClearTrial(trial)));
    }
    for stray in strays {
        // Who has several work trees of one repository has a record in each: only what lies in ours is ours.
        let ours = store.layout().worktrees();
        let is_ours = stray.path.as_deref().is_some_and(|path| Path::new(path).starts_with(&ours));
        if is_ours && sighting::why_stray_stays(store, &stray).is_none() {
            let path = stray.path.as_deref().unwrap_or_default();
            let what = format!("no run here knows {path}, which holds nothing of its own");
            faults.push(Fault::of("worktrees", what, Cure::RemoveStray(stray)));
        }
    }
    Ok(faults)
}

/// Puts one fault right, and says what was done.
pub fn mend(cx: &Context, store: &mut Store, fault: &Fault) -> Result<Mended> {
    let layout = store.layout().clone();
    let run = match &fault.cure {
        Cure::End { run, .. } | Cure::Settle { run } | Cure::Copy { run, .. } => Some(run),
        Cure::SetAside { run, .. } => run.as_ref(),
        Cure::ClearTrial(_) | Cure::RemoveStray(_) => None,
        Cure::ByHand(hint) => return Ok(Mended::Left(hint.clone())),
    };
    // Those that apply requests take it themselves.
    let needs_lock = run.filter(|_| !matches!(fault.cure, Cure::Settle { .. }));
    let mut lock = None;
    if let Some(run) = needs_lock {
        lock = lock::try_take(&store.paths(run))?;
        if lock.is_none() {
            return Ok(Mended::Left("a crew process is at work on it by now".into()));
        }
    }
    let done = match &fault.cure {
        Cure::End { run, processes } => match end(cx, store, run, processes)? {
            Mended::Done(done) => done,
            left => return Ok(left),
        },
        Cure::Settle { run } => match submit::settle_waiting(&layout, run)? {
            Some(count) => format!("{} applied or refused", words::count(count, "request")),
            None => return Ok(Mended::Left("a crew process is at work on it by now".into())),
        },
        Cure::Copy { run, unreadable } => {
            let now = clock::now();
            for path in unreadable {
                set_aside::move_there(
                    &layout,
                    path,
                    "it could not be read as JSON; it was written anew",
                    now,
                )?;
            }
            let loaded = store.load_run(run)?.context("the run is recorded")?;
            copies::write(&store.paths(run), &loaded, &store.artifacts(run)?, false, now)?;
            let aside =
                if unreadable.is_empty() { "" } else { "; what could not be read is in .crew/set-aside" };
            format!("the copies were written anew{aside}")
        }
        Cure::SetAside { path, why, .. } => {
            let place = set_aside::move_there(&layout, path, why, clock::now())?;
            format!("it is at {} now", layout.shown(&place))
        }
        Cure::ClearTrial(trial) => match worktree::clear_trial(cx, store, trial)? {
            true => "what the merge had left is gone".to_owned(),
            false => return Ok(Mended::Left("a crew process is at work on it by now".into())),
        },
        Cure::RemoveStray(stray) => match sighting::why_stray_stays(store, stray) {
            None => sighting::remove_stray(store, stray)?,
            Some(why) => return Ok(Mended::Left(why)),
        },
        Cure::ByHand(hint) => return Ok(Mended::Left(hint.clone())),
    };
    drop(lock);
    Ok(Mended::Done(done))
}

/// Ends what a dead crew process has left running. The caller holds the run's lock.
fn end(cx: &Context, store: &Store, id: &RunId, processes: &[u32]) -> Result<Mended> {
    let layout = store.layout();
    let settings = cx.settings_or_built_in(layout);
    let grace = Limits::of(&settings).grace;
    // Only what is a child of its own, by pid, start and boot, or was given its marks.
    let run = store.load_run(id)?.context("the run is recorded")?;
    let status = run.status(false);
    let (short, is_open) = (store.short(id)?, matches!(status, RunStatus::Interrupted | RunStatus::Queued));
    let adopts = status == RunStatus::Interrupted && Limits::of_run(&settings, &store.paths(id)).adopts;
    let marks = marks::of_run(layout.repository(), id);
    let has_open = |task: &&Task| task.last().is_some_and(Attempt::is_open);
    let (open, closed): (Vec<&Task>, Vec<&Task>) = run.tasks.iter().partition(has_open);
    let of_closed = |task: &&Task| marks::of_task(layout.repository(), id, &task.spec.id);
    let of_closed: Vec<Vec<String>> = closed.iter().map(of_closed).collect();
    let left: Vec<(Option<&ProcessId>, &[String])> = match adopts {
        // Whoever resumes the run looks after the others.
        true => of_closed.iter().map(|marks| (None, &marks[..])).collect(),
        false => {
            let children = open.iter().filter_map(|task| task.last()).map(|last| last.process.as_ref());
            children.map(|child| (child, &marks[..])).chain([(None, &marks[..])]).collect()
        }
    };
    process::end_all_left(&left, grace, || false);
    let next =
        if is_open { format!("; next: {}", resume_command(layout, &run, &short)) } else { String::new() };
    let ended = match processes.len() {
        1 => "1 process".to_owned(),
        many => format!("{many} processes"),
    };
    Ok(Mended::Done(format!("{ended} ended{next}")))
}
