//! What the work of a run begins from: a commit of the user's, or one made of what they have not committed yet.

use super::custody;
use super::git::{Git, GitError};
use super::staging::{Place, StagingError, settled};
use std::path::Path;

/// Where a user's work tree stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Id of the commit that is checked out.
    pub commit: String,
    /// `main`; nothing where HEAD is detached.
    pub branch: Option<String>,
}

/// Why work trees cannot begin here.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    #[error("this is no git repository, so no task can have a work tree of its own")]
    NoRepository,
    #[error("this repository has no work tree; work trees of tasks begin from one")]
    Bare,
    #[error("this repository has no commit yet, so there is nothing that a task could begin from")]
    Unborn,
    #[error("`{reference}` is there already and holds something else")]
    Taken { reference: String },
    #[error("some files could not be taken in: {}", .0.join("; "))]
    Left(Vec<String>),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// The folder of crew's own, at the top of a repository.
pub(super) const OURS: &str = ".crew";

/// Finds what is checked out in the work tree that `repository` is the top of.
pub fn find(repository: &Path) -> Result<Base, BaseError> {
    let git = Git::at(repository);
    let inside = match git.text(&["rev-parse", "--is-inside-work-tree"]) {
        Ok(inside) => inside,
        Err(GitError::Failed { message, .. }) if message.contains("not a git repository") => {
            return Err(BaseError::NoRepository);
        }
        Err(error) => return Err(error.into()),
    };
    if inside != "true" {
        return Err(BaseError::Bare);
    }
    let Ok(commit) = git.text(&["rev-parse", "--verify", "-q", "HEAD^{commit}"]) else {
        return Err(BaseError::Unborn);
    };
    let head = git.text(&["symbolic-ref", "-q", "HEAD"]).ok();
    let branch = head.and_then(|head| Some(head.strip_prefix("refs/heads/")?.to_owned()));
    Ok(Base { commit, branch })
}

/// Returns the paths that are not as the commit has them, and those that git does not know; nothing of crew's own.
pub fn dirty(repository: &Path) -> Result<Vec<String>, GitError> {
    let entries = status(repository, "--untracked-files=normal")?;
    Ok(entries.into_iter().map(|(_, path)| path).collect())
}

/// What of a work tree is not committed, each counted in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotCommitted {
    /// Files that git knows, changed or staged.
    pub changed: usize,
    /// Files that git does not know, and has not been told to ignore.
    pub untracked: usize,
}

/// Counts what is not committed; nothing of crew's own.
pub fn not_committed(repository: &Path) -> Result<NotCommitted, GitError> {
    let entries = status(repository, "--untracked-files=all")?;
    let untracked = entries.iter().filter(|(state, _)| state == "??").count();
    Ok(NotCommitted { changed: entries.len() - untracked, untracked })
}

/// Returns what git says of each path that is not as the commit has it, in two letters, with the path.
fn status(repository: &Path, untracked: &str) -> Result<Vec<(String, String)>, GitError> {
    let git = settled(Git::at(repository));
    // What lies about in a submodule is in nobody's way.
    let options = [untracked, "--no-renames", "--ignore-submodules=untracked"];
    let entries = git.entries(&[&["status", "--porcelain=v1", "-z"][..], &options].concat())?;
    let paths = entries.iter().filter_map(|entry| Some((entry.get(..2)?, entry.get(3..)?)));
    let is_ours =
        |path: &str| path.strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let paths = paths.filter(|(_, path)| !is_ours(path));
    Ok(paths.map(|(state, path)| (state.to_owned(), path.to_owned())).collect())
}

/// Makes a commit of all that lies in the user's work tree, on top of HEAD, keeps it at `reference` and returns its id.
/// The user's files, index and stash stay as they are. Where the reference holds the same already, that is it.
pub fn snapshot(repository: &Path, reference: &str, message: &str) -> Result<String, BaseError> {
    let head = find(repository)?.commit;
    let place = Place::at(repository)?;
    let staged = place.stage(&[Path::new(OURS)])?;
    if !staged.left.is_empty() {
        return Err(BaseError::Left(staged.left));
    }
    let wanted = format!("{} {head}", staged.tree);
    if let Ok(there) = place.git.text(&["show", "-s", "--format=%T %P", reference, "--"]) {
        return match there == wanted {
            true => Ok(place.git.text(&["rev-parse", "--verify", reference])?),
            false => Err(BaseError::Taken { reference: reference.to_owned() }),
        };
    }
    let commit = place.commit(&staged.tree, &[&head], message)?;
    custody::create(&place.git, reference, &commit)?;
    Ok(commit)
}
