//! What is examined.

use crate::workspace::git::{Git, GitError};

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
    let Some(default) = default_branch(git) else { return Ok(Target::Tree) };
    let Ok(base) = git.text(&["merge-base", &head, &default]) else { return Ok(Target::Tree) };
    Ok(if base == head { Target::Tree } else { Target::Range { base, head } })
}

/// Returns the id of a commit; nothing where the name means none.
pub fn commit(git: &Git, name: &str) -> Option<String> {
    let wanted = format!("{name}^{{commit}}");
    git.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).ok()
}

/// Returns the tip of the default branch, unless that is the branch we are on.
fn default_branch(git: &Git) -> Option<String> {
    let current = git.text(&["symbolic-ref", "--quiet", "HEAD"]).ok();
    let remote = git.text(&["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]).ok();
    let known = ["main", "master", "trunk"];
    let names = remote.iter().map(|name| name.trim_start_matches("refs/remotes/origin/").to_owned());
    for name in names.chain(known.map(str::to_owned)) {
        let branches = [format!("refs/heads/{name}"), format!("refs/remotes/origin/{name}")];
        let tip = branches.iter().find_map(|branch| commit(git, branch));
        if tip.is_some() {
            return tip.filter(|_| current.as_ref() != Some(&branches[0]));
        }
    }
    None
}
