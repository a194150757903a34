//! Work trees that are only looked at: HEAD stands for one exact commit, each attempt gets a new one, and none stays.
//!
//! The branch of such a work tree is there for custody alone: what somebody changed all the same is kept on it. One that
//! holds nothing goes with the work tree.

use super::adding::{self, Registered, Turn};
use super::{Marker, Order, Work, Worktree, WorktreeError, Wrong, common_of, mark, recover_at};
use crate::workspace::custody;
use crate::workspace::git::Git;
use crate::workspace::snapshot::LOOK;
use crate::workspace::staging::settled;

/// What is done with a branch that holds more than what was to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    Stays,
    /// It goes, and what it holds is held at a reference of crew's own.
    Held,
}

/// What became of a work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// There is no such branch any more.
    pub branch: bool,
    /// The references that hold what would be nowhere else.
    pub kept: Vec<String>,
}

impl Worktree {
    /// Lets HEAD stand for a commit itself, which is the one that its branch is at.
    pub fn detach(&self, commit: &str) -> Result<(), WorktreeError> {
        mark(&self.place.own, &Marker { detached: true, ..self.marker()? })?;
        self.place.git.run(&["update-ref", "--no-deref", "-m", "crew: look", "HEAD", commit])?;
        Ok(())
    }
}

/// Takes away what there is of a task's work tree, whole or half made, with its branch. What would be nowhere else after
/// that is held first. Twice is the same as once.
pub fn clear_away(order: &Order, work: &Work, beyond: Beyond) -> Result<Gone, WorktreeError> {
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
    let git = settled(Git::at(order.repository).apart().within(LOOK));
    let reference = format!("refs/heads/{}", order.branch);
    let Ok(tip) = git.text(&["rev-parse", "--verify", "-q", &reference]) else {
        return Ok(Gone { branch: true, kept });
    };
    let is_in = |commit: &str| tip == commit || git.is_ancestor(&tip, commit).unwrap_or(false);
    if !is_in(work.base) && !is_in(order.base) {
        match beyond {
            Beyond::Stays => return Ok(Gone { branch: false, kept }),
            Beyond::Held => kept.push(custody::hold(&git, work.keep_ref, &tip)?),
        }
    }
    git.run(&["update-ref", "--no-deref", "-d", &reference, &tip])?;
    Ok(Gone { branch: true, kept })
}
