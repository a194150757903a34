//! Work trees that are only looked at: HEAD stands for one exact commit, each attempt gets a new one, and none stays.
//!
//! The branch of such a work tree is there for custody alone: what somebody changed all the same is kept on it. It goes with
//! the work tree, and what it holds is held at a reference of crew's own.

use super::adding::{self, Registered, Turn};
use super::{
    Marker, Order, Work, Worktree, WorktreeError, Wrong, common_of, mark, put_beside, recover_at,
    unless_missing,
};
use crate::workspace::custody;
use crate::workspace::git::Git;
use crate::workspace::snapshot::LOOK;
use crate::workspace::staging::settled;
use std::path::Path;

impl Worktree {
    /// Lets HEAD stand for a commit itself, which is the one that its branch is at.
    pub fn detach(&self, commit: &str) -> Result<(), WorktreeError> {
        mark(&self.place.own, &Marker { detached: true, ..self.marker()? })?;
        self.place.git.run(&["update-ref", "--no-deref", "-m", "crew: look", "HEAD", commit])?;
        Ok(())
    }
}

/// Takes away what there is of a task's work tree, whole or half made, with its branch. What would be nowhere else after
/// that is held first; the references that hold it are returned. Twice is the same as once.
pub fn clear_away(order: &Order, work: &Work) -> Result<Vec<String>, WorktreeError> {
    let common = common_of(order.repository)?;
    // A git that has outlived its crew may be about to fill it.
    let _turn = Turn::take(&common, order)?;
    let mut kept = Vec::new();
    match adding::registered(&common, order.owner)? {
        Some(Registered::Whole(admin)) => {
            match recover_at(&common, order.folder, order.branch, order.owner) {
                Ok(tree) => kept = tree.remove(work)?.set_aside,
                Err(WorktreeError::NotOwn { wrong: Wrong::Missing, .. }) => {
                    adding::forget(order, &common, &admin)?;
                }
                Err(error) => return Err(error),
            }
        }
        Some(Registered::Half(admin)) => adding::clear_half(order, &common, &admin)?,
        None => {}
    }
    sweep_around(order.folder)?;
    let git = settled(Git::at(order.repository).apart().within(LOOK));
    let reference = format!("refs/heads/{}", order.branch);
    let Ok(tip) = git.text(&["rev-parse", "--verify", "-q", &reference]) else {
        return Ok(kept);
    };
    let is_in = |commit: &str| tip == commit || git.is_ancestor(&tip, commit).unwrap_or(false);
    if !is_in(work.base) && !is_in(order.base) {
        kept.push(custody::hold(&git, work.keep_ref, &tip)?);
    }
    git.run(&["update-ref", "--no-deref", "-d", &reference, &tip])?;
    Ok(kept)
}

/// Takes away what lay in the place of a work tree's `.git`, whose commits are held, and folders with nothing in them.
fn sweep_around(folder: &Path) -> Result<(), WorktreeError> {
    for aside in put_beside(folder) {
        let gone = match aside.symlink_metadata() {
            Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(&aside),
            _ => std::fs::remove_file(&aside),
        };
        unless_missing(&aside, gone)?;
    }
    // Who took the work tree away may have left these; the one above is the run's own.
    for empty in [Some(folder), folder.parent()].into_iter().flatten() {
        let _ = std::fs::remove_dir(empty);
    }
    Ok(())
}
