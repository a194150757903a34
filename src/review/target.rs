//! What is examined.

use crate::workspace::git::{Git, GitError};
use crate::workspace::reviewed::{commit, default_branch, merge_base, reference};

/// What an examination looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// What changed from one commit to another.
    Range { base: String, head: String },
    /// Uncommitted changes against the last commit, with untracked files.
    Worktree,
    /// All files as they are on disk, tracked or not, apart from ignored ones.
    Tree,
}

/// Chooses what a person most likely means.
///
/// That is the uncommitted changes if there are any; else what the branch has that the default branch has not; else
/// all there is.
pub fn choose_target(git: &Git) -> Result<Target, GitError> {
    let status = git.run(&["status", "--porcelain", "-z", "--untracked-files=normal"])?;
    if !status.is_empty() {
        return Ok(Target::Worktree);
    }
    let Some(head) = commit(git, "HEAD") else { return Ok(Target::Tree) };
    let Some((_, default)) = default_branch(git, reference(git, "HEAD").as_deref()) else {
        return Ok(Target::Tree);
    };
    let Some(base) = merge_base(git, &head, &default) else { return Ok(Target::Tree) };
    Ok(if base == head { Target::Tree } else { Target::Range { base, head } })
}
