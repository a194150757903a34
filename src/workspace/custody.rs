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
    hold_tree(&place, &staged.tree, &parents, reference, message)
        .map(|(_, commit)| Some(commit))
        .map_err(Into::into)
}

/// Makes a commit and holds it at `reference`, or at the next name that is free; one that is held there already serves as
/// well. Returns the name and the commit's id.
pub fn hold_tree(
    place: &Place,
    tree: &str,
    parents: &[&str],
    reference: &str,
    message: &str,
) -> Result<(String, String), GitError> {
    if let Some(there) = same(&place.git, reference, tree, parents)? {
        return Ok(there);
    }
    let commit = place.commit(tree, parents, message)?;
    Ok((hold(place, reference, &commit)?, commit))
}

/// Finds a commit of the same tree with the same parents among those that are held at `reference` and the names that
/// follow it.
fn same(
    git: &Git,
    reference: &str,
    tree: &str,
    parents: &[&str],
) -> Result<Option<(String, String)>, GitError> {
    let format = "--format=%(refname) %(objectname) %(tree) %(parent)";
    let held = git.text(&["for-each-ref", format, reference, &format!("{reference}.*")])?;
    let wanted: Vec<&str> = [&[tree], parents].concat();
    let mut found = held.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = found.find(|words| words.len() > 2 && words[2..] == wanted);
    Ok(found.map(|words| (words[0].to_owned(), words[1].to_owned())))
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
