//! What is kept of work that is on no branch, at references of crew's own, and how it comes back.

use super::git::{Git, GitError};
use super::staging::{Place, StagingError};
use std::path::Path;

/// Why something could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    #[error("some files could not be kept: {}", .0.join("; "))]
    Left(Vec<String>),
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Makes a commit of all that lies in the work tree which `folder` is the top of, on top of HEAD, and holds it at
/// `reference`, or at the next name where that is taken. Returns its id; nothing where HEAD holds it all.
///
/// The folder, its index and its branch stay as they are.
pub fn keep(
    folder: &Path,
    leave_out: &[&Path],
    reference: &str,
    message: &str,
) -> Result<Option<String>, CustodyError> {
    let place = Place::at(folder)?;
    let staged = place.stage(leave_out)?;
    if !staged.left.is_empty() {
        return Err(CustodyError::Left(staged.left));
    }
    let head = place.git.text(&["rev-parse", "--verify", "-q", "HEAD^{commit}"]).ok();
    let parents: Vec<&str> = head.as_deref().into_iter().collect();
    if let Some(head) = &head
        && place.git.text(&["rev-parse", &format!("{head}^{{tree}}")])? == staged.tree
    {
        return Ok(None);
    }
    if let Some(there) = same(&place.git, reference, &staged.tree, &parents)? {
        return Ok(Some(there));
    }
    let commit = place.commit(&staged.tree, &parents, message)?;
    hold(&place, reference, &commit)?;
    Ok(Some(commit))
}

/// Finds a commit of the same tree with the same parents among those that are held at `reference` and the names that
/// follow it.
fn same(git: &Git, reference: &str, tree: &str, parents: &[&str]) -> Result<Option<String>, GitError> {
    let format = "--format=%(objectname) %(tree) %(parent)";
    let held = git.text(&["for-each-ref", format, reference, &format!("{reference}.*")])?;
    let wanted = format!("{tree} {}", parents.join(" "));
    let found = held.lines().filter_map(|line| line.split_once(' '));
    Ok(found.filter(|(_, rest)| rest.trim() == wanted.trim()).map(|(commit, _)| commit.to_owned()).next())
}

/// Holds a commit at `reference`, or at the next name that is free, and returns that name.
pub fn hold(place: &Place, reference: &str, commit: &str) -> Result<String, GitError> {
    let mut name = reference.to_owned();
    for number in 2.. {
        match place.git.text(&["rev-parse", "--verify", "-q", &name]) {
            Ok(there) if there == commit => break,
            Ok(_) => name = format!("{reference}.{number}"),
            Err(_) => {
                place.create(&name, commit)?;
                break;
            }
        }
    }
    Ok(name)
}
