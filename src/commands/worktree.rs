//! `crew worktree`: the folders in which tasks work, and their branches.

use super::confirm::{self, Said};
use super::context::Context;
use super::decide::name_of_person;
use super::exit::{ExitStatus, Problem};
use super::merge_resolve;
use super::sighting::{self, Found, Seen, Trial, sight, sights};
use super::task_names::find_task;
use super::typist;
use super::waiting::WaitArgs;
use crate::domain::cleanup::{Folder, Goes, Stays, Wish};
use crate::domain::event::Event;
use crate::domain::id::RunId;
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::worktree::{keep_ref, reference_of};
use crate::runner::branch_work;
use crate::runner::clock;
use crate::runner::launch::Limits;
use crate::runner::left_resolvers::Places;
use crate::runner::merge_work;
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use crate::workspace::git::Git;
use crate::workspace::merging::Repository;
use crate::workspace::merging::scratch::Scratch;
use crate::workspace::task_work::{TaskWork, commit, git_of};
use crate::workspace::worktree::{self, Work};
use crate::workspace::{custody, inventory};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Look after the folders in which tasks work, and their branches
///
/// A task with a work tree of its own works in its own folder, on the branch crew/RUN/TASK. Both stay until you say
/// otherwise. Without a subcommand they are listed.
#[derive(Debug, clap::Args)]
pub struct WorktreeArgs {
    #[command(subcommand)]
    command: Option<WorktreeCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum WorktreeCommand {
    List(ListArgs),
    Path(PathArgs),
    Open(OpenArgs),
    Remove(RemoveArgs),
    Prune(PruneArgs),
}

/// Show what each task's work tree holds, and what it takes up on the disk
#[derive(Debug, Default, clap::Args)]
struct ListArgs {
    /// Only of this run: the beginning of its id, or `last`
    run: Option<String>,
}

/// Print the folder of a task: cd "$(crew worktree path RUN TASK)"
#[derive(Debug, clap::Args)]
struct PathArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Task of that run
    task: String,
}

/// Open the folder of a task in your editor, or in a shell
///
/// Starts $VISUAL or $EDITOR there; where neither is set, a shell. It ends with the exit code of that.
#[derive(Debug, clap::Args)]
struct OpenArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Task of that run
    task: String,

    /// Start a shell there, whatever the editor is
    #[arg(long)]
    shell: bool,
}

/// Take the folders of tasks away; what only they hold is kept first
///
/// What is not committed, and commits that no branch has, are kept at refs/crew/keep/. Files that git ignores go with the
/// folder. The task's branch stays, unless --branch asks for it.
#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Tasks of that run
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<String>,

    /// Delete their branches too; commits that no other branch has are held at refs/crew/keep/
    #[arg(long)]
    branch: bool,

    /// Go on although a branch that goes is not merged, or a repository lies inside
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Take away the work trees whose work is merged or empty
///
/// Only of runs that are not at work, only where nothing is uncommitted, and with their branches. The plan is shown first; then it
/// wants a yes at the terminal, or --yes (exit 3 where there is neither).
#[derive(Debug, clap::Args)]
struct PruneArgs {
    /// Show the plan, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Go on without a question
    #[arg(long, short)]
    yes: bool,
}

/// Looks after work trees.
pub fn worktree(cx: &Context, args: &WorktreeArgs) -> Result<ExitStatus> {
    match &args.command {
        None => list(cx, &ListArgs::default()),
        Some(WorktreeCommand::List(args)) => list(cx, args),
        Some(WorktreeCommand::Path(args)) => path(cx, args),
        Some(WorktreeCommand::Open(args)) => open(cx, args),
        Some(WorktreeCommand::Remove(args)) => remove(cx, args),
        Some(WorktreeCommand::Prune(args)) => prune(cx, args),
    }
}

fn list(cx: &Context, args: &ListArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let only = args.run.as_deref().map(|run| cx.find_run(&store, run)).transpose()?;
    let found = sights(cx, &store, only.as_ref(), false)?;
    if cx.printer.json {
        let data: Vec<Value> = found
            .seen
            .iter()
            .map(as_json)
            .chain(found.trials.iter().map(|trial| trial.as_json()))
            .chain(found.strays.iter().map(|stray| stray.as_json()))
            .collect();
        let meta = json!({"count": data.len(), "bytes": found.bytes});
        cx.printer.json(&json!({"data": data, "meta": meta}))?;
        return Ok(ExitStatus::Done);
    }
    if found.seen.is_empty() && found.trials.is_empty() && found.strays.is_empty() {
        cx.printer.tell("no task has a work tree of its own: crew run --worktree gives them one each");
        return Ok(ExitStatus::Done);
    }
    cx.printer.data(&table(&found).render(&cx.printer))?;
    let trees = found.seen.iter().filter(|seen| seen.sight.folder == Folder::Own).count();
    cx.printer.tell(&format!("{}, {}", words::count(trees, "work tree"), words::size(found.bytes)));
    let trials = found.trials.iter().filter(|trial| !trial.owned).count();
    let free: Vec<&Seen> =
        found.seen.iter().filter(|seen| seen.is_there() && seen.sight.for_prune().is_ok()).collect();
    if !free.is_empty() || trials > 0 {
        let free = what_goes(&free, trials);
        cx.printer
            .tell(&format!("next  crew worktree prune    takes away {free}, merged or empty and clean"));
    }
    Ok(ExitStatus::Done)
}

/// Says what of it goes: `2 work trees, 1 branch without a folder`.
fn what_goes(goes: &[&Seen], trials: usize) -> String {
    let (trees, rest): (Vec<&Seen>, Vec<&Seen>) =
        goes.iter().partition(|seen| seen.sight.folder == Folder::Own);
    let trees = (!trees.is_empty()).then(|| words::count(trees.len(), "work tree"));
    let (branches, records): (Vec<&Seen>, Vec<&Seen>) = rest.iter().partition(|seen| seen.tip.is_some());
    let branches = match branches.len() {
        0 => None,
        1 => Some("1 branch without a folder".to_owned()),
        many => Some(format!("{many} branches without a folder")),
    };
    let records = match records.len() {
        0 => None,
        1 => Some("1 entry of git's without a folder".to_owned()),
        many => Some(format!("{many} entries of git's without a folder")),
    };
    let trials = (trials > 0).then(|| format!("what {} left", words::count(trials, "killed merge")));
    [trees, branches, records, trials].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn table(found: &Found) -> Rows {
    let mut rows = Rows::new(&[
        ("run", Column::Left),
        ("task", Column::Left),
        ("state", Column::Left),
        ("work", Column::Left),
        ("size", Column::Right),
        ("age", Column::Right),
        ("branch", Column::Left),
        ("", Column::Wide),
    ]);
    for seen in &found.seen {
        let (work, tone) = work_of(seen);
        rows.add(vec![
            (seen.short.clone(), Tone::Plain),
            (seen.task.to_string(), Tone::Plain),
            (seen.sight.state.name().replace('_', " "), Tone::Plain),
            (work, tone),
            (seen.extent.as_ref().map_or("-".into(), |extent| words::size(extent.bytes())), Tone::Plain),
            (words::duration(clock::now().since(seen.since)), Tone::Plain),
            (seen.branch.clone(), Tone::Plain),
            (remarks(seen).join("; "), Tone::Attention),
        ]);
    }
    for trial in &found.trials {
        let dash = || ("-".to_owned(), Tone::Plain);
        let remark = (trial.remark(), if trial.owned { Tone::Plain } else { Tone::Attention });
        rows.add(vec![
            (trial.short.clone(), Tone::Plain),
            dash(),
            dash(),
            dash(),
            dash(),
            dash(),
            dash(),
            remark,
        ]);
    }
    for stray in &found.strays {
        let dash = || ("-".to_owned(), Tone::Plain);
        let run = (stray.run.clone().unwrap_or_else(|| "-".into()), Tone::Plain);
        let task = (stray.task.clone().unwrap_or_else(|| "-".into()), Tone::Plain);
        let branch = (stray.branch.clone().unwrap_or_else(|| "-".into()), Tone::Plain);
        rows.add(vec![run, task, dash(), dash(), dash(), dash(), branch, (stray.remark(), Tone::Attention)]);
    }
    rows
}

fn work_of(seen: &Seen) -> (String, Tone) {
    use crate::domain::cleanup::Standing;
    match &seen.sight.standing {
        None => ("gone".into(), Tone::Bad),
        Some(Standing::Unmerged { commits }) => {
            (format!("{} not merged", words::count(*commits as usize, "commit")), Tone::Attention)
        }
        Some(Standing::Merged { into } | Standing::Included { into }) => {
            (format!("merged into {into}"), Tone::Good)
        }
        Some(Standing::Empty) if seen.sight.is_empty() => ("empty".into(), Tone::Faint),
        Some(Standing::Empty) => ("on no branch".into(), Tone::Attention),
        Some(Standing::NotKept) => ("not kept".into(), Tone::Bad),
    }
}

/// Says what is out of the ordinary about a work tree.
fn remarks(seen: &Seen) -> Vec<String> {
    let sight = &seen.sight;
    let mut remarks = Vec::new();
    match &sight.folder {
        Folder::Own => {}
        Folder::Gone if seen.removed => remarks.push("folder removed".into()),
        Folder::Gone => remarks.push("the folder is gone".into()),
        Folder::NotOwn(why) => remarks.push(why.clone()),
    }
    if sight.uncommitted > 0 {
        remarks.push(format!("{} not committed", words::count(sight.uncommitted, "file")));
    }
    if sight.unreferenced > 0 {
        remarks.push(format!("{} on no branch", words::count(sight.unreferenced as usize, "commit")));
    }
    if let Some(on) = &seen.elsewhere {
        remarks.push(format!("HEAD is {on}"));
    }
    if !sight.repositories.is_empty() {
        remarks.push(format!("repository inside: {}", sight.repositories.join(", ")));
    }
    if let Some(reason) = &sight.locked {
        remarks.push(format!("locked {reason}").trim_end().to_owned());
    }
    if !sight.used_by.is_empty() {
        remarks.push(format!("in use by {}", sight.used_by.join(", ")));
    }
    remarks.extend(sight.unseen.iter().cloned());
    remarks
}

fn as_json(seen: &Seen) -> Value {
    use crate::domain::cleanup::Standing;
    let sight = &seen.sight;
    let (into, commits) = match &sight.standing {
        Some(Standing::Merged { into } | Standing::Included { into }) => (Some(into), None),
        Some(Standing::Unmerged { commits }) => (None, Some(commits)),
        _ => (None, None),
    };
    let folder = match &sight.folder {
        Folder::Own => "own",
        Folder::Gone => "gone",
        Folder::NotOwn(_) => "not_own",
    };
    json!({
        "run": seen.run, "task": seen.task, "state": sight.state, "branch": seen.branch, "path": seen.path,
        "folder": folder, "removed": seen.removed, "at_work": sight.owned,
        "work": sight.standing.as_ref().map(|standing| match standing {
            Standing::Empty if !sight.is_empty() => "on_no_branch".to_owned(),
            standing => standing.name().replace(' ', "_"),
        }),
        "merged_into": into, "unmerged_commits": commits,
        "uncommitted": sight.uncommitted, "unreferenced_commits": sight.unreferenced,
        "bytes": seen.extent.as_ref().map(inventory::Extent::bytes), "since": seen.since,
        "head": seen.elsewhere, "repositories": sight.repositories, "locked": sight.locked,
        "used_by": sight.used_by, "prunable": sight.for_prune().is_ok(),
        "stays": sight.for_prune().err().map(|stays| stays.why), "remarks": remarks(seen), "recorded": true,
    })
}

/// Opens the run and the work tree of a task that were typed, and hands them on.
fn with_folder<T>(
    cx: &Context,
    (run, task): (&str, &str),
    take: impl FnOnce(PathBuf, bool) -> Result<T>,
) -> Result<T> {
    let store = cx.store()?;
    let id = cx.find_run(&store, run)?;
    let short = store.short(&id)?;
    let run = store.load_run(&id)?.context("the run is recorded")?;
    let task = find_task(&run, &short, task)?;
    let work = TaskWork::of(store.layout().repository(), &run, task).ok_or_else(|| no_tree(&short, task))?;
    let tree = work.open().map_err(|error| {
        let message = match work.folder.symlink_metadata() {
            Err(_) => format!("the folder of {} is not there any more: {}", work.name(), work.tree.path),
            Ok(_) => error.to_string(),
        };
        let hint = format!("its work is on branch {}: crew diff {short} {}", work.tree.branch, work.name());
        Problem::refused("no_folder", message).hint(hint)
    })?;
    take(tree.folder().to_owned(), task.state == TaskState::Running && lock::is_owned(&store.paths(&id))?)
}

fn no_tree(short: &str, task: &Task) -> Problem {
    let message = format!("task {} has no work tree of its own", task.spec.id);
    let hint = format!("it works in the folder itself: crew diff {short} {}", task.spec.id);
    Problem::refused("no_worktree", message).hint(hint)
}

fn path(cx: &Context, args: &PathArgs) -> Result<ExitStatus> {
    with_folder(cx, (&args.run, &args.task), |folder, _| {
        match cx.printer.json {
            true => cx.printer.json(&json!({"path": folder}))?,
            false => cx.printer.data(&folder.display().to_string())?,
        }
        Ok(ExitStatus::Done)
    })
}

fn open(cx: &Context, args: &OpenArgs) -> Result<ExitStatus> {
    with_folder(cx, (&args.run, &args.task), |folder, at_work| {
        if at_work {
            cx.printer.warn(&format!("an agent works on {} there just now", args.task));
        }
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let editor = set("VISUAL").or_else(|| set("EDITOR")).filter(|_| !args.shell);
        let mut command = match editor {
            Some(editor) => {
                // It may have arguments of its own, which a shell reads as for git.
                let mut line = editor;
                line.push(" \"$@\"");
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(&line).arg(&line).arg(&folder);
                shell
            }
            None => {
                cx.printer.tell(&format!("a shell in {}; its end brings you back", folder.display()));
                Command::new(set("SHELL").unwrap_or_else(|| "sh".into()))
            }
        };
        // It takes our place, so its exit code is what is seen.
        let error = command.current_dir(&folder).exec();
        Err(error).with_context(|| format!("start {}", command.get_program().display()))
    })
}

fn remove(cx: &Context, args: &RemoveArgs) -> Result<ExitStatus> {
    let layout = cx.store()?.layout().clone();
    typist::refuse_agents(Some(layout.repository()))?;
    let mut store = Store::open(&layout).context("open the store")?;
    let id = cx.find_run(&store, &args.run)?;
    let short = store.short(&id)?;
    let lock = cx.take_lock(&store, &id, args.wait)?;
    let mut run = store.load_run(&id)?.context("the run is recorded")?;
    for name in &args.tasks {
        let task = find_task(&run, &short, name)?;
        TaskWork::of(layout.repository(), &run, task).ok_or_else(|| no_tree(&short, task))?;
    }
    sighting::tell_blindness(cx);
    let wish = Wish { branch: args.branch, force: args.force };
    let mut data = Vec::new();
    let mut first = None;
    for name in &args.tasks {
        let name = &find_task(&run, &short, name)?.spec.id.clone();
        let seen = sight(&store, &run, name)?;
        let gone = seen.sight.folder == Folder::Gone && !(args.branch && seen.tip.is_some());
        if gone && !seen.registered {
            cx.printer.tell(&format!("{name} has no folder any more; nothing to do"));
            data.push(json!({"task": name, "removed": false, "kept": []}));
            continue;
        }
        match seen.sight.for_removal(wish) {
            Ok(goes) => {
                let done = take_away(&mut store, &mut run, &seen, goes)?;
                tell(cx, &short, &done)?;
                data.push(done.as_json());
            }
            Err(stays) => {
                let problem = refusal(&short, name.as_str(), &stays);
                // Those that come after it have nothing to do with it.
                match first {
                    None => first = Some(problem),
                    Some(_) => cx.printer.warn(&format!("refused: {problem}")),
                }
            }
        }
    }
    drop(lock);
    if cx.printer.json && !data.is_empty() {
        let meta = json!({"run": id, "count": data.len()});
        cx.printer.json(&json!({"data": data, "meta": meta}))?;
    }
    first.map_or(Ok(ExitStatus::Done), |problem| Err(problem.into()))
}

fn refusal(short: &str, task: &str, stays: &Stays) -> Problem {
    let hint = stays.hint.replace("RUN TASK", &format!("{short} {task}")).replace("RUN", short);
    Problem::refused(stays.code, format!("{task} stays: {}", stays.why)).hint(hint)
}

/// What became of a task's work tree.
pub(super) struct Done {
    task: String,
    path: String,
    branch: Option<String>,
    kept: Vec<String>,
    remark: Option<String>,
}

impl Done {
    fn as_json(&self) -> Value {
        json!({"task": self.task, "removed": true, "path": self.path, "branch_deleted": self.branch,
            "kept": self.kept, "remark": self.remark})
    }
}

fn tell(cx: &Context, short: &str, done: &Done) -> Result<()> {
    if cx.printer.json {
        return Ok(());
    }
    let branch = done.branch.as_ref().map(|branch| format!(" and branch {branch}")).unwrap_or_default();
    cx.printer.data(&format!("{short} {}  removed {}{branch}", done.task, done.path))?;
    for reference in &done.kept {
        cx.printer
            .tell(&format!("  kept at {reference}    crew restore {short}/{} brings it back", done.task));
    }
    if let Some(remark) = &done.remark {
        cx.printer.tell(&format!("  {remark}"));
    }
    Ok(())
}

/// Takes a task's work tree away: what is nowhere else is held, then it is recorded, then it is done. Whoever is killed
/// in between types the same again. The caller holds the run's lock and has just looked.
pub(super) fn take_away(store: &mut Store, run: &mut Run, seen: &Seen, goes: Goes) -> Result<Done> {
    let layout = store.layout().clone();
    let git = git_of(layout.repository());
    let before = run.clone();
    let task = before.task(&seen.task).context("the task is in the run")?;
    let work = TaskWork::of(layout.repository(), &before, task).context("the task has a work tree")?;
    let attempt = task.attempts.len() as u32;
    let keep = keep_ref(&run.id, &seen.task, attempt);
    let left_out = work.left_out();
    let message = format!(
        "{}: what lay in its folder\n\nCrew-Run: {}\nCrew-Task: {}\nCrew-Attempt: {attempt}\n",
        seen.task, run.id, seen.task
    );
    let order = Work { message: &message, base: &work.tree.base, leave_out: &left_out, keep_ref: &keep };
    let tree = match seen.sight.folder {
        Folder::Own => Some(work.open()?),
        _ => None,
    };
    let mut kept = match &tree {
        Some(tree) => tree.keep_for_removal(&order)?,
        None if seen.registered && seen.sight.folder == Folder::Gone => {
            let (folder, branch, owner) = (&work.folder, &work.tree.branch, work.owner.clone());
            worktree::keep_registered(layout.repository(), folder, branch, &owner, &order)?
        }
        None => Vec::new(),
    };
    let branch = seen.tip.as_ref().filter(|_| goes.branch);
    let in_use = branch.is_some() && seen.branch_is_elsewhere;
    let branch = branch.filter(|_| !in_use);
    let kept_before = format!("refs/crew/keep/{}/{}/", run.id, seen.task);
    let is_held = |tip: &str| git.text(&["for-each-ref", "--contains", tip, &kept_before]);
    let is_new = |tip: &&String| **tip != work.tree.base && is_held(tip).is_ok_and(|held| held.is_empty());
    if let Some(tip) = branch.filter(|_| goes.hold_tip).filter(is_new) {
        kept.push(custody::hold(&git, &keep, tip)?);
    }
    if let Some(lost) = off_its_branch(&work, &git, seen.tip.as_deref()) {
        kept.push(custody::hold(&git, &keep, &lost)?);
    }
    let (path, name, folder) = (work.tree.path.clone(), work.tree.branch.clone(), work.folder.clone());
    let event = Event::WorktreeRemoved {
        task: seen.task.clone(),
        path: path.clone(),
        branch_deleted: branch.is_some(),
        kept: kept.clone(),
        by: name_of_person(&layout),
    };
    if let Some(tree) = tree {
        record(store, run, event)?;
        tree.remove(&order)?;
    } else {
        record(store, run, event)?;
        if seen.registered {
            worktree::forget(layout.repository(), &folder)?;
        }
    }
    if let Some(tip) = branch {
        git.run(&["update-ref", "-d", &reference_of(&name), tip])?;
    }
    let remark = in_use.then(|| format!("the branch {name} stays: another work tree has it checked out"));
    Ok(Done { task: seen.task.to_string(), path, branch: branch.map(|_| name), kept, remark })
}

/// Returns the commit that is recorded as a task's work, where no reference holds it: somebody has set the branch back or
/// deleted it, and what the folder knows of it is about to go.
fn off_its_branch(work: &TaskWork, git: &Git, branch: Option<&str>) -> Option<String> {
    let recorded = commit(git, work.tree.head())?;
    if branch == Some(&*recorded) {
        return None;
    }
    let held = git.text(&["for-each-ref", "--count=1", "--contains", &recorded]);
    held.is_ok_and(|held| held.is_empty()).then_some(recorded)
}

fn record(store: &mut Store, run: &mut Run, event: Event) -> Result<()> {
    store.record(run, clock::now(), event).context("record what is about to be removed")
}

fn prune(cx: &Context, args: &PruneArgs) -> Result<ExitStatus> {
    let layout = cx.store()?.layout().clone();
    if !args.dry_run {
        typist::refuse_agents(Some(layout.repository()))?;
    }
    let mut store = Store::open(&layout).context("open the store")?;
    let found = sights(cx, &store, None, true)?;
    let (goes, stays): (Vec<&Seen>, Vec<&Seen>) =
        found.seen.iter().filter(|seen| seen.is_there()).partition(|seen| seen.sight.for_prune().is_ok());
    if !cx.printer.json {
        show_plan(cx, &goes, &stays, &found);
    }
    let trials: Vec<&Trial> = found.trials.iter().filter(|trial| !trial.owned).collect();
    let count = goes.len() + trials.len();
    if count > 0 {
        sighting::tell_blindness(cx);
    }
    if args.dry_run || count == 0 {
        if cx.printer.json {
            pruned_json(cx, &goes, &stays, &[], args.dry_run)?;
        }
        return Ok(ExitStatus::Done);
    }
    let what = what_goes(&goes, trials.len());
    match confirm::removal(&cx.printer, args.yes, &what) {
        Said::Yes => {}
        Said::No => {
            cx.printer.tell("nothing was removed");
            return Ok(ExitStatus::Done);
        }
        Said::Nothing => {
            if cx.printer.json {
                pruned_json(cx, &goes, &stays, &[], false)?;
            }
            return Err(confirm::unasked(&what, "crew worktree prune --yes").into());
        }
    }
    for trial in trials {
        if !clear_trial(cx, &mut store, trial)? {
            cx.printer.tell(&format!("{} is at work by now, and what its merge works in stays", trial.short));
        } else if !cx.printer.json {
            cx.printer.data(&format!("{}  removed what a merge that was killed had left", trial.short))?;
        }
    }
    let done = carry_out(cx, &mut store, &goes)?;
    if cx.printer.json {
        pruned_json(cx, &goes, &stays, &done, false)?;
    }
    Ok(ExitStatus::Done)
}

/// Takes away what a merge that was killed has left, and ends what it had started.
/// Tells whether it could: not while the run is at work.
pub(super) fn clear_trial(cx: &Context, store: &mut Store, trial: &Trial) -> Result<bool> {
    let paths = store.paths(&trial.run);
    let Some(_lock) = lock::try_take(&paths)? else { return Ok(false) };
    let layout = store.layout().clone();
    let repository = Repository::of(layout.repository())?;
    let settings = cx.settings(&layout, &[], cx.trusts(&layout)?)?;
    let (around, grace) = (trial.around(layout.repository()), Limits::of(&settings).grace);
    if trial.conflict.is_some() {
        let mut run = store.load_run(&trial.run)?.context("the run is recorded")?;
        let (top, worktrees) = (layout.repository(), around.parent().unwrap_or(around));
        let places = Places { top, repository: &repository, paths: &paths, worktrees, grace };
        merge_resolve::end_left(cx, store, &mut run, &places)?;
    } else {
        let scratch = Scratch::of(&repository, layout.repository(), around, trial.run.as_str());
        merge_work::clear_left(&scratch, &trial.run, grace)?;
    }
    Ok(true)
}

/// Removes run by run what may still go when its lock is held.
fn carry_out(cx: &Context, store: &mut Store, goes: &[&Seen]) -> Result<Vec<Done>> {
    let mut all = Vec::new();
    let mut runs: Vec<&RunId> = goes.iter().map(|seen| &seen.run).collect();
    runs.dedup();
    for id in runs {
        let Some(_lock) = lock::try_take(&store.paths(id))? else {
            cx.printer.tell(&format!("{} is at work by now, and stays", store.short(id)?));
            continue;
        };
        let mut run = store.load_run(id)?.context("the run is recorded")?;
        let short = store.short(id)?;
        if let Some(into) = run.base.as_ref().and_then(|base| base.branch.clone()) {
            let by_hand = branch_work::merged_by_hand(&git_of(store.layout().repository()), &run, &into)?;
            by_hand.into_iter().try_for_each(|event| record(store, &mut run, event))?;
        }
        for task in goes.iter().filter(|seen| seen.run == *id).map(|seen| &seen.task) {
            let seen = sight(store, &run, task)?;
            match seen.sight.for_prune() {
                Ok(goes) => {
                    let done = take_away(store, &mut run, &seen, goes)?;
                    tell(cx, &short, &done)?;
                    all.push(done);
                }
                Err(stays) => cx.printer.tell(&format!("{short} {task} stays: {}", stays.why)),
            }
        }
    }
    Ok(all)
}

fn show_plan(cx: &Context, goes: &[&Seen], stays: &[&Seen], found: &Found) {
    for seen in goes {
        let mut line = format!("remove  {} {}  {}", seen.short, seen.task, work_of(seen).0);
        if let Some(extent) = &seen.extent {
            line.push_str(&format!(", {}", words::size(extent.bytes())));
        }
        if seen.ignored > 0 {
            line.push_str(&format!(", {} of it ignored by git", words::size(seen.ignored)));
        }
        let branch =
            if seen.tip.is_some() { format!(", with branch {}", seen.branch) } else { String::new() };
        cx.printer.tell(&format!("{line}{branch}"));
    }
    for seen in stays {
        let why = seen.sight.for_prune().err().map(|stays| stays.why).unwrap_or_default();
        cx.printer.tell(&format!("stays   {} {}  {why}", seen.short, seen.task));
    }
    for trial in &found.trials {
        let what = if trial.owned { "stays  " } else { "remove " };
        cx.printer.tell(&format!("{what} {}  {}", trial.short, trial.remark()));
    }
    for stray in &found.strays {
        cx.printer.tell(&format!("stays   {}", stray.remark()));
    }
    if goes.is_empty() && found.trials.iter().all(|trial| trial.owned) {
        cx.printer.tell("nothing to remove");
    }
}

fn pruned_json(cx: &Context, goes: &[&Seen], stays: &[&Seen], done: &[Done], dry_run: bool) -> Result<()> {
    let planned: Vec<Value> = goes
        .iter()
        .map(|seen| {
            json!({"run": seen.run, "task": seen.task, "path": seen.path, "branch": seen.branch,
                "bytes": seen.extent.as_ref().map(inventory::Extent::bytes), "ignored_bytes": seen.ignored})
        })
        .collect();
    let left: Vec<Value> = stays
        .iter()
        .map(|seen| {
            let stays = seen.sight.for_prune().err();
            json!({"run": seen.run, "task": seen.task, "why": stays.as_ref().map(|stays| &stays.why),
                "code": stays.as_ref().map(|stays| stays.code)})
        })
        .collect();
    let removed: Vec<Value> = done.iter().map(Done::as_json).collect();
    let meta = json!({"count": planned.len(), "dry_run": dry_run, "removed": removed, "stays": left});
    cx.printer.json(&json!({"data": planned, "meta": meta}))?;
    Ok(())
}
