//! What a review looks at: names become exact commits, and what is not committed becomes one.

use super::base::{self, BaseError};
use super::custody;
use super::git::{Git, GitError};
use super::snapshot::difference;
use super::staging::Place;
use std::path::Path;

/// What is not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncommitted {
    /// What is staged.
    Index,
    /// All that lies in the work tree, apart from ignored files.
    Worktree,
}

/// A commit that holds what was not committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Id of the commit, and of its tree.
    pub commit: String,
    pub tree: String,
    /// Id of what it is compared with: the last commit, or the empty tree where there is none yet.
    pub base: String,
}

/// Returns the id of a commit; nothing where the name means none, several, or all but one.
pub fn commit(git: &Git, name: &str) -> Option<String> {
    let id = |name: &str| {
        let id = git.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", name]).ok()?;
        // What is to be left out comes back with a mark before it.
        (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    };
    // All that follows after `:/` is what git looks for in messages.
    match name.starts_with(":/") {
        true => id(&format!("{}^{{commit}}", id(name)?)),
        false => id(&format!("{name}^{{commit}}")),
    }
}

/// Returns the paths of which the index holds several sides.
pub fn unmerged(git: &Git) -> Result<Vec<String>, GitError> {
    let entries = git.entries(&["ls-files", "--unmerged", "-z"])?;
    let names = entries.iter().filter_map(|entry| Some(entry.split_once('\t')?.1.to_owned()));
    let mut names: Vec<String> = names.collect();
    // Each side has an entry, one after the other.
    names.dedup();
    Ok(names)
}

/// Returns the whole name of a reference, `refs/heads/main` for `main` and for `HEAD` on that branch; nothing where the
/// name is of no reference.
pub fn reference(git: &Git, name: &str) -> Option<String> {
    if name == "HEAD" {
        return git.text(&["symbolic-ref", "--quiet", "HEAD"]).ok();
    }
    let name =
        git.text(&["rev-parse", "--symbolic-full-name", "--verify", "--quiet", "--end-of-options", name]);
    name.ok().filter(|name| !name.is_empty())
}

/// Returns the best commit that both have in their history.
pub fn merge_base(git: &Git, one: &str, other: &str) -> Option<String> {
    git.text(&["merge-base", one, other]).ok()
}

/// Returns the first parent of a commit, or the empty tree, with which a commit without parents is compared.
pub fn parent(git: &Git, commit: &str) -> Result<String, GitError> {
    match self::commit(git, &format!("{commit}^")) {
        Some(parent) => Ok(parent),
        None => empty_tree(git),
    }
}

/// Returns the id of the tree that has no file, in the repository's kind of hash.
pub fn empty_tree(git: &Git) -> Result<String, GitError> {
    // Nothing is stdin.
    git.text(&["hash-object", "-t", "tree", "--stdin"])
}

/// Returns the id of a commit's tree.
pub fn tree(git: &Git, commit: &str) -> Result<String, GitError> {
    git.text(&["rev-parse", "--verify", &format!("{commit}^{{tree}}")])
}

/// Tells whether this is a clone without its whole history.
pub fn is_shallow(git: &Git) -> bool {
    git.text(&["rev-parse", "--is-shallow-repository"]).is_ok_and(|word| word == "true")
}

/// Returns the default branch as people name it (`main`, `origin/main`) with its tip, unless `reference` is that branch.
pub fn default_branch(git: &Git, reference: Option<&str>) -> Option<(String, String)> {
    let remote = git.text(&["symbolic-ref", "--quiet", "refs/remotes/origin/HEAD"]).ok();
    let known = ["main", "master", "trunk"];
    let names = remote.iter().map(|name| name.trim_start_matches("refs/remotes/origin/").to_owned());
    for name in names.chain(known.map(str::to_owned)) {
        let branches = [format!("refs/heads/{name}"), format!("refs/remotes/origin/{name}")];
        let found = branches.iter().find_map(|branch| Some((branch, commit(git, branch)?)));
        if let Some((branch, tip)) = found {
            let is_itself = reference == Some(branches[0].as_str());
            let short = branch.trim_start_matches("refs/heads/").trim_start_matches("refs/remotes/");
            return (!is_itself).then(|| (short.to_owned(), tip));
        }
    }
    None
}

/// Returns how many files a change changes, and how many lines it adds and removes.
pub fn size(git: &Git, base: &str, head: &str) -> Result<(u64, u64, u64), GitError> {
    let difference = difference(git, base, head)?;
    Ok((difference.files.len() as u64, difference.insertions, difference.deletions))
}

/// Returns the paths of the files that change from one commit or tree to another.
pub fn paths(git: &Git, base: &str, head: &str) -> Result<Vec<String>, GitError> {
    git.entries(&["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, head])
}

/// Makes a commit of what is not committed, keeps it at `reference`, and returns it. Files, index and branch stay as they
/// are. Where `reference` holds something already, that is an error.
pub fn snapshot(
    repository: &Path,
    what: Uncommitted,
    reference: &str,
    message: &str,
) -> Result<Snapshot, BaseError> {
    let head = match base::find(repository) {
        Ok(found) => Some(found.commit),
        Err(BaseError::Unborn) => None,
        Err(error) => return Err(error),
    };
    let place = Place::at(repository)?;
    let tree = match what {
        Uncommitted::Index => place.staged_tree()?,
        Uncommitted::Worktree => {
            let staged = place.stage(&[Path::new(base::OURS)])?;
            match staged.left.is_empty() {
                true => staged.tree,
                false => return Err(BaseError::Left(staged.left)),
            }
        }
    };
    let parents: Vec<&str> = head.as_deref().into_iter().collect();
    let commit = place.commit(&tree, &parents, message)?;
    custody::create(&place.git, reference, &commit)?;
    let base = head.map_or_else(|| empty_tree(&place.git), Ok)?;
    Ok(Snapshot { commit, tree, base })
}
