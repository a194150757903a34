//! Where a task's work is found: its branch, its folder, and what lies there.

use super::changes::{Now, Span};
use super::git::{Git, GitError};
use super::snapshot::LOOK;
use super::staging::{Place, StagingError, settled};
use super::worktree::{Owner, Worktree, WorktreeError, own_links};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::worktree::{TaskTree, reference_of};
use std::path::{Path, PathBuf};

/// Speaks to git about the user's repository, with none of the settings that would start something.
pub fn git_of(repository: &Path) -> Git {
    settled(Git::at(repository).apart().within(LOOK))
}

/// A task that has, or had, a work tree of its own.
#[derive(Clone, Debug)]
pub struct TaskWork<'a> {
    pub task: &'a Task,
    pub tree: &'a TaskTree,
    pub folder: PathBuf,
    pub owner: Owner,
    repository: PathBuf,
}

impl<'a> TaskWork<'a> {
    /// Speaks of a task's work; none where it has no work tree of its own.
    pub fn of(repository: &Path, run: &Run, task: &'a Task) -> Option<TaskWork<'a>> {
        let tree = task.tree.as_deref()?;
        let owner = Owner { run: run.id.to_string(), task: task.spec.id.to_string() };
        let folder = repository.join(&tree.path);
        Some(TaskWork { task, tree, folder, owner, repository: repository.to_owned() })
    }

    /// Returns the work of every task of a run that has a work tree of its own, in the order of the workflow.
    pub fn all(repository: &Path, run: &'a Run) -> Vec<TaskWork<'a>> {
        run.tasks.iter().filter_map(|task| TaskWork::of(repository, run, task)).collect()
    }

    /// Returns the task's name.
    pub fn name(&self) -> &'a str {
        self.task.spec.id.as_str()
    }

    /// Opens its folder, which has to be the task's own.
    pub fn open(&self) -> Result<Worktree, WorktreeError> {
        Worktree::open(&self.repository, &self.folder, &self.tree.branch, &self.owner)
    }

    /// Opens its folder, which gets its `.git` back where it has lost it.
    pub fn recover(&self) -> Result<Worktree, WorktreeError> {
        Worktree::recover(&self.repository, &self.folder, &self.tree.branch, &self.owner)
    }

    /// Returns the newest commit of its work: where its branch is, else what is recorded of it. None where neither is in
    /// the repository any more.
    pub fn tip(&self, git: &Git) -> Option<String> {
        self.branch_tip(git).or_else(|| commit(git, self.tree.head()))
    }

    /// Returns the commit that its branch stands for; none where there is no such branch.
    pub fn branch_tip(&self, git: &Git) -> Option<String> {
        commit(git, &reference_of(&self.tree.branch))
    }

    /// Returns the links in its folder that crew put there itself. What lies there in their place is the task's.
    pub fn left_out(&self) -> Vec<&'a Path> {
        own_links(&self.repository, &self.folder, &self.task.spec.link)
    }

    /// Looks at what lies in its folder just now.
    pub fn now(&self, worktree: &Worktree) -> Result<Now, StagingError> {
        Now::of(&Place::of(worktree.folder(), worktree.admin()), &self.left_out())
    }

    /// Tells whether its work counts as done.
    pub fn is_done(&self) -> bool {
        self.task.state == TaskState::Completed
    }
}

/// Returns the id of a commit by any name of it; none where there is no such commit.
pub fn commit(git: &Git, name: &str) -> Option<String> {
    git.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")]).ok()
}

/// What a task changed, with how much of it is in no commit.
pub struct Changed {
    pub span: Span,
    /// Files that differ from its newest commit.
    pub uncommitted: usize,
    /// What could not be read, with git's reason; and why the folder counts for nothing, where it does.
    pub notes: Vec<String>,
}

/// Finds what a task changed: up to what lies in its folder, where that is there and its own, else up to its newest
/// commit. None where that is gone from the repository.
pub fn changed(work: &TaskWork, git: &Git) -> Result<Option<Changed>, GitError> {
    let tip = work.tip(git);
    let folder_is_there = work.folder.symlink_metadata().is_ok();
    let mut notes = Vec::new();
    if folder_is_there {
        let looked = work.open().map_err(|error| error.to_string());
        let looked = looked.and_then(|tree| work.now(&tree).map_err(|error| error.to_string()));
        match looked {
            Ok(now) => {
                notes.extend(now.left.iter().map(|left| format!("not seen: {left}")));
                notes.extend(astray(&now.astray));
                let uncommitted = now.beside(tip.as_deref().unwrap_or(&work.tree.base))?.len();
                let span = Span::up_to(now, &work.tree.base);
                return Ok(Some(Changed { span, uncommitted, notes }));
            }
            Err(why) => notes.push(format!("what is not committed is not seen: {why}")),
        }
    }
    let (Some(base), Some(tip)) = (commit(git, &work.tree.base), tip) else { return Ok(None) };
    Ok(Some(Changed { span: Span::between(git.clone(), &base, &tip), uncommitted: 0, notes }))
}

/// The most files in submodules that are named.
const MAX_ASTRAY: usize = 5;

/// Says which files are in no commit although somebody put them there: they lie in a submodule.
fn astray(paths: &[String]) -> Option<String> {
    let named = paths.iter().take(MAX_ASTRAY).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match paths.len() {
        0 => return None,
        count if count > MAX_ASTRAY => format!(" and {} more", count - MAX_ASTRAY),
        _ => String::new(),
    };
    Some(format!("not seen, because it is in no commit of its submodule: {named}{more}"))
}
