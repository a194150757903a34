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
    #[error("{} is not committed in {} and would be overwritten", paths.join(", "), folder.display())]
    InTheWay {
        folder: PathBuf,
        /// Relative to the folder.
        paths: Vec<String>,
    },
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
}

impl Repository {
    /// Finds the repository of a folder.
    pub fn of(folder: &Path) -> Result<Repository, MergeError> {
        let plain = settled(Git::at(folder).apart());
        let common = plain.text(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        let common = PathBuf::from(common);
        Ok(Repository { git: plain.with("GIT_DIR", &common).with("GIT_WORK_TREE", folder), common })
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

    /// Tells whether a commit is part of the history of another one.
    pub fn is_ancestor(&self, older: &str, newer: &str) -> Result<bool, MergeError> {
        let ended = self.git.fed(&["merge-base", "--is-ancestor", older, newer], &[])?;
        match ended.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(ended.failure.into()),
        }
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
