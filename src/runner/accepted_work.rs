//! What lies in a task's own work tree when a person accepts it, or wants it done again: whoever looked may have changed
//! something there.

use super::own_tree;
use crate::domain::event::Event;
use crate::domain::id::TaskId;
use crate::domain::person::What;
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::worktree::{TaskTree, keep_ref};
use crate::workspace::merging::checkout;
use crate::workspace::worktree::{Kept, Owner, Work, Worktree, own_links};
use std::path::Path;

/// Puts all that lies there on the task's branch, and returns what is to be recorded of that; nothing where the branch has
/// it all, or the task has no folder of its own.
pub fn keep(repository: &Path, run: &Run, task: &TaskId, what: &What) -> Result<Option<Event>, String> {
    // Whoever asks for another one is told so.
    let fits = |task: &&Task| match what {
        What::Accept { .. } => task.state == TaskState::NeedsReview,
        _ => task.state.is_settled() && task.state != TaskState::Completed,
    };
    let task = run.task(task).filter(fits);
    let Some((task, tree)) = task.and_then(|task| Some((task, task.tree.as_deref()?))) else {
        return Ok(None);
    };
    let folder = repository.join(&tree.path);
    // What it had is on its branch, or was held when it was taken away.
    let is_gone = folder.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    if is_gone {
        return Ok(None);
    }
    let when = if matches!(what, What::Accept { .. }) { "accepted" } else { "requeued" };
    let kept = keep_folder(repository, run, (task, tree), &folder, when)?;
    if !kept.left.is_empty() {
        return Err(kept.left.join("; "));
    }
    let is_known = tree.head() == kept.commit && kept.set_aside.is_empty();
    let (id, attempt) = (task.spec.id.clone(), task.attempts.len() as u32);
    Ok((!is_known).then(|| own_tree::Kept::from(kept).into_event(id, attempt)))
}

fn keep_folder(
    repository: &Path,
    run: &Run,
    (task, tree): (&Task, &TaskTree),
    folder: &Path,
    when: &str,
) -> Result<Kept, String> {
    let (id, attempt) = (&task.spec.id, task.attempts.len() as u32);
    let owner = Owner { run: run.id.to_string(), task: id.to_string() };
    let leave_out = own_links(repository, folder, &task.spec.link);
    let message = format!(
        "{id}: what was there when it was {when}\n\nCrew-Run: {}\nCrew-Task: {id}\nCrew-Attempt: {attempt}\n",
        run.id
    );
    let keep_ref = keep_ref(&run.id, id, attempt);
    let work = Work { message: &message, base: &tree.base, leave_out: &leave_out, keep_ref: &keep_ref };
    let worktree = Worktree::recover(repository, folder, &tree.branch, &owner);
    let worktree = worktree.map_err(|error| error.to_string())?;
    refuse_unfinished(&worktree)?;
    worktree.keep(&work).map_err(|error| error.to_string())
}

/// Refuses a folder in which somebody is in the middle of something: what an agent left unfinished was tidied up when its
/// attempt ended, so this is a person's, and half of it is no work.
fn refuse_unfinished(worktree: &Worktree) -> Result<(), String> {
    let folder = worktree.folder().display();
    if let Some(what) = checkout::at_work(worktree.admin()) {
        return Err(format!("{what} is going on in {folder}; finish it first, or end it"));
    }
    let lock = worktree.admin().join("index.lock");
    if lock.symlink_metadata().is_ok() {
        return Err(format!(
            "another git is at work in {folder}, or was killed and left {} behind",
            lock.display()
        ));
    }
    match worktree.git().run(&["ls-files", "--unmerged", "-z"]) {
        Ok(unmerged) if unmerged.is_empty() => Ok(()),
        Ok(_) => Err(format!("a merge in {folder} has conflicts that are not resolved")),
        Err(error) => Err(error.to_string()),
    }
}
