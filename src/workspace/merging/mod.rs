//! The work of tasks, brought back to a branch.
//!
//! # How it works
//!
//! The merge is made in the object store first ([`compose`]), where it touches nothing: no branch, no index, no file.
//! Then the branch moves in one step ([`landing`]). Where it is checked out, that checkout goes with it ([`checkout`]):
//! what is not committed there is looked at before, and stays as it is.
//!
//! A landing writes a journal into git's own folder of the checkout before it does anything, and works on a copy of the
//! index, so whoever comes after a crash can tell how far it came and put that right.

pub mod checkout;
pub mod compose;
pub mod freshness;
pub mod landing;
pub mod put_right;
pub mod resolving;
pub mod scratch;
pub mod submodules;
#[cfg(test)]
mod tests;

use crate::workspace::git::{Git, GitError};
use std::io;
use std::path::{Path, PathBuf};

/// Settings of git for all that is done here: nothing is started beside it, no file is overlooked, and what it wrote is on
/// the disk before anything is said of it.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.trustctime", "true"),
    ("core.checkStat", "default"),
    ("core.ignoreStat", "false"),
    ("submodule.recurse", "false"),
    ("core.fsync", "committed,index,reference"),
    ("core.fsyncMethod", "batch"),
    // Others may be at work in the same repository; in milliseconds.
    ("core.filesRefLockTimeout", "2000"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
];

/// Why a branch is not moved. Nothing has changed then, but for what the message says.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// It cannot be done as things stand.
    #[error("{0}")]
    Refused(String),
    /// What is not committed is in the way of the merge.
    #[error(
        "{} {} not committed in {} and would be overwritten",
        paths.join(", "), if paths.len() == 1 { "is" } else { "are" }, folder.display()
    )]
    InTheWay {
        folder: PathBuf,
        /// Relative to the folder.
        paths: Vec<String>,
    },
    /// The user has git sign commits, and it cannot; what it says about that.
    #[error("git could not sign a commit of the merge: {0}")]
    NotSigned(String),
    /// Somebody else has moved the branch since it was looked at.
    #[error("the branch {0} has been moved by somebody else")]
    Moved(String),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> MergeError + '_ {
    move |source| MergeError::File { path: path.to_owned(), source }
}

/// A repository with branches.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Asks about what all its work trees share.
    pub git: Git,
    /// The folder that they share.
    common: PathBuf,
    /// The top of the work tree that this folder belongs to, where it is known. Git itself does not know it where the folder
    /// lies elsewhere, as that of a submodule does.
    main: Option<PathBuf>,
}

impl Repository {
    /// Finds the repository of a folder.
    pub fn of(folder: &Path) -> Result<Repository, MergeError> {
        let plain = settled(Git::at(folder).apart());
        let said = plain.text(&["rev-parse", "--path-format=absolute", "--git-common-dir", "--git-dir"])?;
        let (common, own) = said.split_once('\n').unwrap_or((&said, ""));
        let is_main = common == own;
        let common = PathBuf::from(common);
        let top = || plain.text(&["rev-parse", "--path-format=absolute", "--show-toplevel"]).ok();
        let main = is_main.then(top).flatten().map(PathBuf::from);
        let git = plain.with("GIT_DIR", &common).with("GIT_WORK_TREE", folder);
        Ok(Repository { git, common, main })
    }

    /// Returns the name of the branch that a name leads to: one may stand for another one.
    pub fn settle(&self, branch: &str) -> Result<String, MergeError> {
        let wanted = reference(branch);
        let said = self.git.text(&["for-each-ref", "--format=%(refname)%00%(symref)", &wanted])?;
        let mut names = said.lines().filter_map(|line| line.split_once('\0'));
        match names.find(|(name, _)| *name == wanted) {
            Some((_, "")) => Ok(branch.to_owned()),
            Some((_, leads_to)) => match leads_to.strip_prefix("refs/heads/") {
                Some(other) if !other.starts_with("crew/") => Ok(other.to_owned()),
                _ => Err(MergeError::Refused(format!(
                    "the branch {branch} stands for {leads_to}, and nothing is merged there"
                ))),
            },
            // Where upper and lower case are one, git finds it by another name than it has.
            None => Err(MergeError::Refused(format!("no branch is called {branch} exactly"))),
        }
    }

    /// Returns the commit that a branch stands at; `None` where there is no such branch.
    pub fn tip(&self, branch: &str) -> Result<Option<String>, MergeError> {
        let asked = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &format!("{}^{{commit}}", reference(branch)),
        ];
        let ended = self.git.fed(&asked, &[])?;
        match ended.code {
            Some(0) => Ok(Some(String::from_utf8_lossy(&ended.stdout).trim().to_owned())),
            Some(1) => Ok(None),
            _ => Err(ended.failure.into()),
        }
    }

    /// Returns the names of all branches: `main`.
    pub fn branches(&self) -> Result<Vec<String>, MergeError> {
        let names = self.git.text(&["for-each-ref", "--format=%(refname:strip=2)", "refs/heads/"])?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Returns what a remote calls its branch of which this is the copy here: `main` for `origin/main`. `None` where it is
    /// no such copy.
    pub fn branch_of_remote(&self, name: &str) -> Result<Option<String>, MergeError> {
        let name = name.strip_prefix("refs/").unwrap_or(name);
        let name = name.strip_prefix("remotes/").unwrap_or(name);
        let full = format!("refs/remotes/{name}");
        if self.git.fed(&["show-ref", "--verify", "--quiet", "--", &full], &[])?.code != Some(0) {
            return Ok(None);
        }
        let remotes = self.git.text(&["remote"])?;
        let branch = |remote: &str| name.strip_prefix(remote)?.strip_prefix('/').map(str::to_owned);
        Ok(remotes.lines().find_map(branch))
    }

    /// Tells whether a commit is part of the history of another one.
    pub fn is_ancestor(&self, older: &str, newer: &str) -> Result<bool, MergeError> {
        Ok(self.git.is_ancestor(older, newer)?)
    }

    /// Tells whether a branch may have this name.
    pub fn is_branch_name(&self, name: &str) -> Result<bool, MergeError> {
        let ended = self.git.fed(&["check-ref-format", "--branch", name], &[])?;
        // `@{-1}` is a name for another branch, and no name of one.
        Ok(ended.code == Some(0) && String::from_utf8_lossy(&ended.stdout).trim_end() == name)
    }

    /// Returns the name and the address under which commits are made here.
    pub fn committer(&self) -> Result<String, MergeError> {
        Ok(self.git.text(&["var", "GIT_COMMITTER_IDENT"])?)
    }
}

fn settled(git: Git) -> Git {
    let git = SETTINGS.iter().fold(git, |git, (name, value)| git.set(name, value));
    // Nobody tells us to take one commit for another.
    git.with("GIT_NO_REPLACE_OBJECTS", "1")
}

/// Returns the reference of a branch.
pub fn reference(branch: &str) -> String {
    format!("refs/heads/{branch}")
}
