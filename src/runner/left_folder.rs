//! Keeps what an attempt left in the folder that all share, when its crew process died.

use super::folder;
use super::own_tree::Kept;
use crate::domain::id::TaskId;
use crate::store::layout::Layout;
use crate::workspace::custody;
use crate::workspace::witness::{self, Witness};
use std::path::{Path, PathBuf};

/// The shared folder as an attempt left it.
#[derive(Debug)]
pub struct LeftFolder {
    pub repository: PathBuf,
    /// Where lies what crew had seen of it before it died.
    pub logs: PathBuf,
    pub task: TaskId,
    pub attempt: u32,
    pub reference: String,
}

impl LeftFolder {
    /// Puts all that it holds into a commit at the reference; nothing where HEAD holds it all.
    pub fn keep(&self) -> Result<Option<Kept>, String> {
        let LeftFolder { repository, logs, task, attempt, reference } = self;
        let own = Layout::of(repository).state();
        let leave_out: Vec<&Path> = own.iter().map(PathBuf::as_path).collect();
        let message = format!("{task}: the folder that attempt {attempt} left");
        let commit = custody::keep(repository, &leave_out, reference, &message);
        let Some(commit) = commit.map_err(|error| error.to_string())? else { return Ok(None) };
        // What it had seen of the folder when the attempt began is still there; else it is what HEAD does not hold.
        let before = witness::kept(logs, &folder::name_of(task, *attempt));
        let before = before.and_then(|kept| Witness::restore(repository, kept, logs).ok());
        let difference = match before {
            Some(witness) => witness.difference_to(&commit),
            None => custody::beside_parent(repository, &commit),
        };
        // It is kept all the same.
        let difference = difference.unwrap_or_default();
        Ok(Some(Kept {
            commit,
            reference: reference.clone(),
            files: difference.files.len() as u64,
            insertions: difference.insertions,
            deletions: difference.deletions,
            ..Kept::default()
        }))
    }
}
