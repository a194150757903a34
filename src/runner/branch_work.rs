//! What came to a task's branch, or into its folder, after its last attempt: a person may have gone on with the work.

use super::merge_work::{Hindrance, MergeWork};
use super::own_tree::Kept;
use crate::domain::event::Event;
use crate::domain::id::TaskId;
use crate::domain::merging::{self, How, MergedTask, Merging};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::words::clean_line;
use crate::domain::worktree::{MovedReference, TaskTree, reference_of};
use crate::workspace::changes::Now;
use crate::workspace::git::{Git, GitError};
use crate::workspace::merging::MergeError;
use crate::workspace::snapshot;
use crate::workspace::staging::{Place, StagingError};
use crate::workspace::worktree::{Owner, Worktree, WorktreeError, Wrong, own_links};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Who is named where crew finds that a person has merged.
const BY_HAND: &str = "by hand";

/// What is on a task's branch beside what was recorded of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Since {
    pub task: TaskId,
    /// How many commits came to it.
    pub commits: u64,
    /// Who made them, each once.
    pub by: Vec<String>,
    /// The branch does not hold what was recorded any more.
    pub rewritten: bool,
}

impl Since {
    /// Says what it is, in a line.
    pub fn words(&self) -> String {
        let Since { task, commits, by, rewritten } = self;
        let commits = if *commits == 1 { "1 commit".to_owned() } else { format!("{commits} commits") };
        let by = clean_line(&by.join(", "), 200);
        match rewritten {
            true => format!("the branch of {task} as it is now: rewritten, {commits} by {by}"),
            false => format!("{commits} by {by} on the branch of {task}, after its attempt"),
        }
    }
}

/// What was found of the branches of a run, and what is to be recorded of that before they are merged.
#[derive(Debug, Default)]
pub struct Looked {
    pub since: Vec<Since>,
    pub events: Vec<Event>,
    /// What could not be looked at, and why.
    pub unseen: Vec<(TaskId, String)>,
}

impl MergeWork {
    /// Looks at the branches and the folders of what would be merged. Who has gone on with the work there is taken at
    /// their word where they committed it; what they did not commit is named, and nothing is merged. The same for a branch
    /// that does not hold any more what was recorded, unless it is to be taken as it is.
    pub fn look_at_branches(&self, run: &Run, take_rewritten: bool) -> Result<Looked, Hindrance> {
        let mut looked = Looked::default();
        for place in self.places(run) {
            let task = &run.tasks[place];
            let Some(tree) = task.tree.as_deref().filter(|_| task.state == TaskState::Completed) else {
                continue;
            };
            let found = self.repository.tip(&tree.branch)?;
            let tip = found.as_deref().unwrap_or(tree.head());
            match self.uncommitted(run, task, tree, tip) {
                Ok(files) if files.is_empty() => {}
                Ok(files) => return Err(self.refuse_uncommitted(task, tree, files)),
                Err(why) => looked.unseen.push((task.spec.id.clone(), why)),
            }
            if tip != tree.head() {
                self.take_over(task, tree, tip, take_rewritten, &mut looked)?;
            }
        }
        Ok(looked)
    }

    /// Returns the places of the tasks that are asked for, with all that they build on.
    fn places(&self, run: &Run) -> BTreeSet<usize> {
        if self.named.is_empty() {
            return (0..run.tasks.len()).collect();
        }
        let named: BTreeSet<usize> = self.named.iter().filter_map(|id| run.place(id)).collect();
        named.iter().flat_map(|at| merging::under(run, *at)).chain(named.iter().copied()).collect()
    }

    fn take_over(
        &self,
        task: &Task,
        tree: &TaskTree,
        tip: &str,
        take_rewritten: bool,
        looked: &mut Looked,
    ) -> Result<(), Hindrance> {
        let rewritten = !self.repository.is_ancestor(tree.head(), tip)?;
        if rewritten && self.hold_both(tree.head(), tip)? {
            return Ok(());
        }
        let commits = self.made(tree.head(), tip)?;
        if rewritten && !take_rewritten {
            return Err(Hindrance::Rewritten {
                task: task.spec.id.to_string(),
                branch: tree.branch.clone(),
                recorded: tree.head().to_owned(),
                found: tip.to_owned(),
            });
        }
        let mut by: Vec<String> = Vec::new();
        for name in &commits {
            if !by.contains(name) {
                by.push(name.clone());
            }
        }
        let git = &self.repository.git;
        let difference = snapshot::difference(git, &tree.base, tip).map_err(MergeError::from)?;
        let kept = Kept {
            commit: tip.to_owned(),
            reference: reference_of(&tree.branch),
            files: difference.files.len() as u64,
            insertions: difference.insertions,
            deletions: difference.deletions,
            ..Kept::default()
        };
        looked.events.push(kept.into_event(task.spec.id.clone(), task.attempts.len() as u32));
        let (task, commits) = (task.spec.id.clone(), commits.len() as u64);
        looked.since.push(Since { task, commits, by, rewritten });
        Ok(())
    }

    /// Tells whether the branch that is merged into holds two commits already.
    fn hold_both(&self, one: &str, other: &str) -> Result<bool, MergeError> {
        let Some(into) = self.repository.tip(&self.into)? else { return Ok(false) };
        Ok(self.repository.is_ancestor(one, &into)? && self.repository.is_ancestor(other, &into)?)
    }

    /// Returns the author of each commit that came to a branch since it stood at `from`.
    fn made(&self, from: &str, to: &str) -> Result<Vec<String>, GitError> {
        let git = &self.repository.git;
        let asked = ["log", "--first-parent", "-z", "--format=%an", to, &format!("^{from}"), "--"];
        git.entries(&asked)
    }

    /// Returns the files that somebody has changed in a task's folder since its last attempt and not committed.
    fn uncommitted(&self, run: &Run, task: &Task, tree: &TaskTree, tip: &str) -> Result<Vec<String>, String> {
        let folder = self.top.join(&tree.path);
        let owner = Owner { run: run.id.to_string(), task: task.spec.id.to_string() };
        let worktree = match Worktree::open(&self.top, &folder, &tree.branch, &owner) {
            Ok(worktree) => worktree,
            Err(WorktreeError::NotOwn { wrong: Wrong::Missing, .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let links = own_links(&self.top, &folder, &task.spec.link);
        let told = |error: StagingError| error.to_string();
        let now = Now::of(&Place::of(worktree.folder(), worktree.admin()), &links).map_err(told)?;
        let mut files = now.beside(tip).map_err(|error| error.to_string())?;
        // What the task's own verification commands have left there is nobody's work: it was there when the attempt ended.
        let ended = task.last().and_then(|last| last.ended_at).map_or(0, |at| at.0);
        files.retain(|file| changed_at(&folder, Path::new(file)).is_none_or(|at| at > ended));
        Ok(files)
    }

    fn refuse_uncommitted(&self, task: &Task, tree: &TaskTree, files: Vec<String>) -> Hindrance {
        let folder = self.top.join(&tree.path);
        Hindrance::Uncommitted { task: task.spec.id.to_string(), branch: tree.branch.clone(), folder, files }
    }
}

/// Returns how a branch came to hold a task's work although nobody had judged that yet, where nobody has set it back since:
/// git's log of the branch says so.
pub fn strayed_into<'t>(git: &Git, task: &'t Task, branch: &str) -> Option<&'t MovedReference> {
    let strayed = task.strayed_into(branch)?;
    let ended = task.attempts.iter().find(|attempt| attempt.moved.contains(strayed))?.ended_at?;
    let asked = ["log", "-g", "--date=unix", "--format=%H %gd", &strayed.reference, "--"];
    let log = git.text(&asked).unwrap_or_default();
    let mut entries: Vec<(&str, &str)> = log.lines().filter_map(|line| line.split_once(' ')).collect();
    entries.reverse();
    let since = entries.iter().position(|(commit, _)| *commit == strayed.to).map_or(0, |at| at + 1);
    // What the attempt itself did there and back, it did before its end.
    let is_later = |at: &str| {
        let seconds = at.rsplit_once("@{").and_then(|(_, at)| at.trim_end_matches('}').parse::<i64>().ok());
        seconds.is_some_and(|seconds| seconds >= ended.0 / 1000)
    };
    let is_set_back = entries[since..]
        .iter()
        .any(|(commit, at)| is_later(at) && !git.is_ancestor(&strayed.to, commit).unwrap_or(false));
    (!is_set_back).then_some(strayed)
}

/// Finds the tasks whose work a branch holds although that is not recorded: somebody has merged it by hand. Returns what is to
/// be recorded of that.
pub fn merged_by_hand(git: &Git, run: &Run, into: &str) -> Result<Vec<Event>, GitError> {
    // What its agent brought there itself, no person has merged.
    let is_open = |task: &&Task| {
        let has_work = task.tree.as_ref().is_some_and(|tree| tree.has_work());
        has_work && !task.is_merged() && strayed_into(git, task, into).is_none()
    };
    // A merge that was cut off has to be put right first.
    if run.merging.is_some() || !run.tasks.iter().any(|task| is_open(&task)) {
        return Ok(Vec::new());
    }
    let branch = reference_of(into);
    if git.run(&["rev-parse", "--verify", "--quiet", &branch]).is_err() {
        return Ok(Vec::new());
    }
    let merged = format!("--merged={branch}");
    let own = format!("refs/heads/crew/{}/", run.id);
    let listed = git.text(&["for-each-ref", "--format=%(objectname) %(refname:strip=2)", &merged, &own])?;
    let there: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
    let mut events = Vec::new();
    for task in run.tasks.iter().filter(is_open) {
        let Some(tree) = &task.tree else { continue };
        let Some((tip, _)) = there.iter().find(|(_, branch)| *branch == tree.branch) else { continue };
        // Somebody may have gone on with it first.
        if *tip == tree.head() || git.is_ancestor(tree.head(), tip).unwrap_or(false) {
            let (tip, task) = (tree.head().to_owned(), task.spec.id.clone());
            let tasks = vec![MergedTask { task, commit: tip.clone(), tip: tip.clone() }];
            let (into, from, by) = (into.to_owned(), tree.base.clone(), BY_HAND.to_owned());
            let merging = Merging { tasks, into, from, to: tip, how: How::Merge, by };
            events.push(Event::WorkMerged { merging });
        }
    }
    Ok(events)
}

/// Returns when a file was last changed or put there, in milliseconds since 1970: the time that nobody can set. For one
/// that is gone, when something was last taken from where it was.
fn changed_at(folder: &Path, file: &Path) -> Option<i64> {
    let path: PathBuf = folder.join(file);
    let nearest = path.ancestors().find_map(|path| path.symlink_metadata().ok())?;
    Some(nearest.ctime() * 1000 + nearest.ctime_nsec() / 1_000_000)
}
