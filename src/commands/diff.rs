//! `crew diff`: what the tasks of a run changed.

use super::context::Context;
use super::cut_off;
use super::exit::{ExitStatus, Problem, unless_nobody_reads};
use super::task_names::find_task;
use crate::domain::conflict;
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::store::layout::Layout;
use crate::ui::pager::Pager;
use crate::ui::printer::width_of;
use crate::ui::progress::Lines;
use crate::ui::words;
use crate::workspace::changes::{FileChange, Form, Span, TellError};
use crate::workspace::git::Git;
use crate::workspace::joining::{self, Joined};
use crate::workspace::side_by_side;
use crate::workspace::task_work::{Changed, TaskWork, changed, commit, git_of};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Show what a run or a task changed
///
/// Of a task: from the commit that it began from to what lies in its folder now, untracked files too; or to the tip of
/// its branch, where the folder is gone. Of a run: what its completed tasks changed together, as merging them gives it;
/// where they conflict, each task's own change.
///
/// In a pipe it is a patch that `git apply` takes. Where tasks conflict there is none of the whole run, so that is
/// refused (exit 4): name a task, or say --stat, --name-only or --json. At a terminal it goes through your pager, and
/// characters that act on a terminal or hide are written out.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Only this task
    task: Option<String>,

    /// Show how many lines of each file changed
    #[arg(long, conflicts_with = "name_only")]
    stat: bool,

    /// Show the names of the files only
    #[arg(long)]
    name_only: bool,

    /// Only these files and folders
    #[arg(last = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Says at which work tree crew looks.
fn looking(at: usize, all: usize, work: &TaskWork) -> String {
    format!("{} of {all}  {}", at + 1, work.tree.path)
}

/// One change as it is shown.
struct Part<'a> {
    /// None for what several tasks changed together.
    work: Option<TaskWork<'a>>,
    /// The tasks whose change it is.
    tasks: Vec<&'a str>,
    changed: Changed,
}

/// Shows what was changed.
pub fn diff(cx: &Context, args: &DiffArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = cx.find_run(&store, &args.run)?;
    let short = store.short(&id)?;
    let run = store.load_run(&id)?.context("the run is recorded")?;
    let layout = store.layout().clone();
    let git = git_of(layout.repository());
    let show = Show { cx, args, layout: &layout, git: &git, run: &run, short: &short };
    match &args.task {
        Some(name) => show.task(find_task(&run, &short, name)?),
        None => show.run(),
    }
}

struct Show<'a> {
    cx: &'a Context,
    args: &'a DiffArgs,
    layout: &'a Layout,
    git: &'a Git,
    run: &'a Run,
    short: &'a str,
}

impl<'a> Show<'a> {
    fn task(&self, task: &'a Task) -> Result<ExitStatus> {
        let Some(work) = TaskWork::of(self.layout.repository(), self.run, task) else {
            return self.shared(&[task]);
        };
        let changed = changed(&work, self.git)?.ok_or_else(|| self.gone(&work))?;
        let tasks = vec![work.name()];
        self.print(vec![Part { work: Some(work), tasks, changed }], &[])
    }

    fn run(&self) -> Result<ExitStatus> {
        let works = TaskWork::all(self.layout.repository(), self.run);
        if works.is_empty() {
            let tasks: Vec<&Task> = self.run.tasks.iter().collect();
            return self.shared(&tasks);
        }
        let mut notes = Vec::new();
        if let Some((together, tasks)) = self.together(&works, &mut notes)? {
            notes.extend(self.beside(&works, &tasks)?);
            return self.print(vec![Part { work: None, tasks, changed: together }], &notes);
        }
        let mut parts = Vec::new();
        let (lines, all) = (Lines::new(&self.cx.printer), works.len());
        let git = self.git;
        let looked = side_by_side::each(&works, |at, work| {
            lines.show("worktrees", looking(at, all, work));
            changed(work, git)
        });
        for (work, changed) in works.into_iter().zip(looked) {
            match changed? {
                Some(changed) => parts.push(Part { tasks: vec![work.name()], work: Some(work), changed }),
                None => notes.push(self.gone(&work).message),
            }
        }
        lines.take_away("worktrees");
        self.print(parts, &notes)
    }

    /// Finds what the completed tasks changed together, and which they are; none where there are none, or where their
    /// work does not go together, which is noted.
    fn together(
        &self,
        works: &[TaskWork<'a>],
        notes: &mut Vec<String>,
    ) -> Result<Option<(Changed, Vec<&'a str>)>> {
        let Some(base) = self.run.base.as_ref().and_then(|base| commit(self.git, &base.commit)) else {
            return Ok(None);
        };
        let done = works.iter().filter(|work| work.is_done());
        let tips: Vec<(&str, String)> =
            done.filter_map(|work| Some((work.name(), work.tip(self.git)?))).collect();
        let commits: Vec<&str> = tips.iter().map(|(_, tip)| tip.as_str()).collect();
        if commits.is_empty() {
            return Ok(None);
        }
        let message = format!("Work of run {}", self.run.id);
        match joining::join(self.layout.repository(), &commits, &message)? {
            Joined::Commit(commit) => {
                let span = Span::between(self.git.clone(), &base, &commit);
                let changed = Changed { span, uncommitted: 0, notes: Vec::new() };
                Ok(Some((changed, tips.iter().map(|(name, _)| *name).collect())))
            }
            Joined::Conflict { at, conflicts } => {
                let others: Vec<&str> = tips[..at].iter().map(|(name, _)| *name).collect();
                let why = format!(
                    "{} conflicts with {}: {}",
                    tips[at].0,
                    others.join(", "),
                    conflict::in_words(&conflicts)
                );
                if self.is_for_git() {
                    let message = format!("there is no patch of the whole run: {why}");
                    let hint = format!(
                        "crew diff {short} {} shows the change of one task, crew diff {short} --stat of each",
                        tips[at].0,
                        short = self.short
                    );
                    return Err(Problem::refused("conflict", message).hint(hint).into());
                }
                notes.push(format!("each task's own change: {why}"));
                Ok(None)
            }
        }
    }

    /// Tells whether a program reads a patch: one that cannot be applied is of no use to it.
    fn is_for_git(&self) -> bool {
        let is_patch = !self.args.stat && !self.args.name_only && !self.cx.printer.json;
        is_patch && !std::io::stdout().is_terminal()
    }

    /// Says what is not in the change of all completed tasks together.
    fn beside(&self, works: &[TaskWork<'a>], inside: &[&str]) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        // In a large repository each look takes a tenth of a second.
        let lines = Lines::new(&self.cx.printer);
        let git = self.git;
        let looked = side_by_side::each(works, |at, work| -> Result<_> {
            lines.show("worktrees", looking(at, works.len(), work));
            let Some(changed) = changed(work, git)? else { return Ok((0, "")) };
            Ok(match inside.contains(&work.name()) {
                true => (changed.uncommitted, "not committed"),
                false => (changed.span.files(&[])?.len(), "not in this"),
            })
        });
        for (work, looked) in works.iter().zip(looked) {
            let ((count, what), name) = (looked?, work.name());
            if count > 0 {
                let state = work.task.state.name().replace('_', " ");
                let files = words::count(count, "file");
                notes.push(format!("{name} ({state}): {files} {what}: crew diff {} {name}", self.short));
            }
        }
        lines.take_away("worktrees");
        Ok(notes)
    }

    fn gone(&self, work: &TaskWork) -> Problem {
        let message = format!("the work of {} is not in the repository any more", work.name());
        Problem::refused("gone", message).hint(format!("crew events {} tells what became of it", self.short))
    }

    /// Tells of tasks that worked in the user's own folder: crew cannot say whose a change there is.
    fn shared(&self, tasks: &[&Task]) -> Result<ExitStatus> {
        let seen: Vec<(&&Task, Option<String>)> = tasks
            .iter()
            .map(|task| {
                let tree = task.last().and_then(|attempt| attempt.tree.as_ref());
                (
                    task,
                    tree.map(|tree| if tree.is_changed() { tree.words() } else { "nothing changed".into() }),
                )
            })
            .collect();
        if self.cx.printer.json {
            let data: Vec<Value> = tasks
                .iter()
                .map(|task| {
                    let tree = task.last().and_then(|attempt| attempt.tree.as_deref());
                    json!({"task": task.spec.id, "state": task.state, "shared_folder": true, "tree": tree})
                })
                .collect();
            let meta = json!({"run": self.run.id, "count": data.len(), "shared_folder": true});
            self.cx.printer.json(&json!({"data": data, "meta": meta}))?;
            return Ok(ExitStatus::Done);
        }
        let whom = if self.args.task.is_some() { "the task" } else { "its tasks" };
        self.cx.printer.tell(&format!(
            "run {}: {whom} worked in the folder itself, so there is no branch to compare. What crew saw:",
            self.short
        ));
        for (task, seen) in seen {
            let seen = seen.unwrap_or_else(|| "-".into());
            self.cx.printer.data(&format!("{}  {seen}", task.spec.id))?;
        }
        self.cx.printer.tell("next  git diff    git status");
        Ok(ExitStatus::Done)
    }

    fn print(&self, parts: Vec<Part<'a>>, notes: &[String]) -> Result<ExitStatus> {
        let paths = self.paths();
        if self.cx.printer.json {
            self.cx.printer.json(&self.as_json(&parts, notes, &paths)?)?;
            return Ok(ExitStatus::Done);
        }
        let program = pager_of(self.git);
        let mut pager = Pager::open(self.cx.printer, program.as_deref());
        let form = self.form(pager.is_read());
        let several = parts.len() > 1;
        let told = parts.iter().try_for_each(|part| -> Result<()> {
            if let Some(work) = part.work.as_ref().filter(|_| several) {
                pager.heading(&format!("== {}  {}", work.name(), work.tree.branch))?;
            }
            match part.changed.span.tell(form, &paths, |line| pager.line(line)) {
                Err(TellError::Io(error)) => Err(error.into()),
                other => Ok(other?),
            }
        });
        let told = told.and_then(|()| Ok(pager.close()?));
        unless_nobody_reads(told)?;
        for note in parts.iter().flat_map(|part| &part.changed.notes).chain(notes) {
            self.cx.printer.tell(note);
        }
        self.tell_sums(&parts, &paths)?;
        cut_off::tell(&self.cx.printer, self.layout);
        Ok(ExitStatus::Done)
    }

    /// Says how much it is, and what is not committed.
    fn tell_sums(&self, parts: &[Part<'a>], paths: &[PathBuf]) -> Result<()> {
        for part in parts {
            let files = part.changed.span.files(paths)?;
            let mut line = match &part.work {
                Some(work) => format!("{} {}: {}", self.short, work.name(), sum_of(&files)),
                None => format!("{}: {}", self.short, sum_of(&files)),
            };
            if part.changed.uncommitted > 0 {
                line.push_str(&format!(", {} of them not committed", part.changed.uncommitted));
            }
            self.cx.printer.tell(&line);
        }
        Ok(())
    }

    fn form(&self, is_read: bool) -> Form {
        match (self.args.name_only, self.args.stat, is_read) {
            (true, ..) => Form::Names,
            (_, true, _) => Form::Stat { width: width_of(std::io::stdout()).unwrap_or(100) },
            (.., true) => Form::Patch,
            (.., false) => Form::WholePatch,
        }
    }

    /// Returns the paths as they are from the top of the repository on: they are typed from where the user is.
    fn paths(&self) -> Vec<PathBuf> {
        let here = self.cx.folder.canonicalize().unwrap_or_default();
        let below = here.strip_prefix(self.layout.repository()).unwrap_or(std::path::Path::new(""));
        let is_magic = |path: &PathBuf| path.as_os_str().as_encoded_bytes().starts_with(b":");
        let from_top = |path: &PathBuf| match is_magic(path) || path.is_absolute() {
            true => path.clone(),
            false => below.join(path),
        };
        self.args.paths.iter().map(from_top).collect()
    }

    fn as_json(&self, parts: &[Part<'a>], notes: &[String], paths: &[PathBuf]) -> Result<Value> {
        let mut data = Vec::new();
        for Part { work, tasks, changed } in parts {
            let files = changed.span.files(paths)?;
            let (insertions, deletions) = lines_of(&files);
            data.push(json!({
                "task": work.as_ref().map(TaskWork::name), "tasks": tasks,
                "state": work.as_ref().map(|work| work.task.state),
                "branch": work.as_ref().map(|work| &work.tree.branch),
                "from": changed.span.from, "to": changed.span.to, "files": files,
                "insertions": insertions, "deletions": deletions, "uncommitted": changed.uncommitted,
                "notes": changed.notes,
            }));
        }
        let together = parts.iter().any(|part| part.work.is_none());
        let meta = json!({"run": self.run.id, "count": data.len(), "together": together, "notes": notes,
            "running": self.run.counts.of(TaskState::Running)});
        Ok(json!({"data": data, "meta": meta}))
    }
}

fn lines_of(files: &[FileChange]) -> (u64, u64) {
    let sum = |part: fn(&FileChange) -> Option<u64>| files.iter().filter_map(part).sum();
    (sum(|file| file.insertions), sum(|file| file.deletions))
}

fn sum_of(files: &[FileChange]) -> String {
    if files.is_empty() {
        return "nothing changed".into();
    }
    let (insertions, deletions) = lines_of(files);
    format!("{}, +{insertions} -{deletions}", words::count(files.len(), "file"))
}

/// Returns the user's pager, as git would choose it. The repository's own settings name none: whoever works in it could
/// have written them.
fn pager_of(git: &Git) -> Option<String> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let variable = |name| std::env::var(name).ok();
    let set = || git.text(&["config", "--global", "--get", "core.pager"]).ok();
    variable("GIT_PAGER").or_else(set).or_else(|| variable("PAGER")).or_else(|| Some("less".into()))
}
