//! A work tree of crew's own that holds merged work for a while, so that it can be tried.

use super::{MergeError, Repository, reference};
use crate::workspace::worktree::{Order, Owner, Worktree, WorktreeError, real};
use std::path::{Path, PathBuf};

/// The name that stands where a task's would; no task can have it.
const NAME: &str = ".merge";

/// Returns the name of its branch; no task can have one of this name.
fn branch_of(run: &str) -> String {
    format!("crew/{run}/+merge")
}

/// Returns the run for whose merges a work tree is there, or was, by what it is known by: the name in its marker, its
/// branch, the reason of its lock. One is enough.
pub fn run_of<'a>(
    marker: Option<(&'a str, &str)>,
    branch: Option<&'a str>,
    lock: Option<&'a str>,
) -> Option<&'a str> {
    let marked = marker.filter(|(_, task)| *task == NAME).map(|(run, _)| run);
    let branched = branch.and_then(|branch| branch.strip_prefix("crew/")?.strip_suffix("/+merge"));
    let locked = lock.and_then(|why| why.trim().strip_prefix("crew: task .merge of run "));
    marked.or(branched).or(locked)
}

/// The work tree for the merges of a run.
#[derive(Clone, Debug)]
pub struct Scratch<'a> {
    repository: &'a Repository,
    /// The top of the user's work tree.
    top: &'a Path,
    folder: PathBuf,
    owner: Owner,
    branch: String,
}

impl<'a> Scratch<'a> {
    /// Names the work tree. `folder` holds those of the run's tasks.
    pub fn of(repository: &'a Repository, top: &'a Path, folder: &Path, run: &str) -> Scratch<'a> {
        let owner = Owner { run: run.to_owned(), task: NAME.to_owned() };
        Scratch { repository, top, folder: folder.join(NAME), owner, branch: branch_of(run) }
    }

    /// Returns the top of the user's work tree.
    pub fn top(&self) -> &Path {
        self.top
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Tells whether anything of it is there.
    pub fn is_there(&self) -> Result<bool, MergeError> {
        let registered = self.repository.own_folders()?.iter().skip(1).any(|own| self.is_ours(own));
        Ok(registered || self.repository.tip(&self.branch)?.is_some())
    }

    /// Checks a commit out there; what an earlier merge has left goes first.
    pub fn fill(&self, commit: &str) -> Result<(), MergeError> {
        self.clear()?;
        let order = Order {
            repository: self.top,
            folder: &self.folder,
            branch: &self.branch,
            base: commit,
            owner: &self.owner,
            behalf: None,
        };
        match Worktree::add(&order) {
            Ok(_) => Ok(()),
            Err(WorktreeError::Git(error)) => Err(error.into()),
            Err(other) => Err(MergeError::Refused(other.to_string())),
        }
    }

    /// Takes the work tree away with all that lies in it, and its branch: it is crew's own, and nobody's work. A folder
    /// that git does not have registered as that stays.
    pub fn clear(&self) -> Result<(), MergeError> {
        let git = &self.repository.git;
        for own in self.repository.own_folders()?.into_iter().skip(1).filter(|own| self.is_ours(own)) {
            // What a killed `git worktree add` left may name no folder yet.
            let named = std::fs::read_to_string(own.join("gitdir")).unwrap_or_default();
            let folder = Path::new(named.trim_end_matches('\n')).parent().map(|folder| own.join(folder));
            let Some(folder) = folder.filter(|folder| real(folder) == real(&self.folder)) else {
                let why =
                    format!("{} is registered elsewhere; look at git worktree list", self.folder.display());
                return Err(MergeError::Refused(why));
            };
            let args = ["worktree", "remove", "--force", "--force", "--"].map(std::ffi::OsStr::new);
            git.run(&[&args[..], &[folder.as_os_str()]].concat())?;
        }
        if self.repository.tip(&self.branch)?.is_some() {
            git.run(&["update-ref", "-d", &reference(&self.branch)])?;
        }
        Ok(())
    }

    /// Tells whether git's own folder of a work tree belongs to this one: by the marker, or by the reason of its lock
    /// where it was cut off before that was written.
    fn is_ours(&self, own: &Path) -> bool {
        let text = |name: &str| std::fs::read_to_string(own.join(name)).unwrap_or_default();
        let Owner { run, task } = &self.owner;
        let marked: Option<serde_json::Value> = serde_json::from_str(&text("crew.json")).ok();
        match marked {
            Some(marked) => marked["run"] == run.as_str() && marked["task"] == task.as_str(),
            None => text("locked").trim() == format!("crew: task {task} of run {run}"),
        }
    }
}
