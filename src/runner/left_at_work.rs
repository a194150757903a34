//! Whether what an attempt started may still be at work: before its task is done again, since two agents would work on the
//! same files.

use super::marks;
use super::process;
use crate::domain::recovery::{self, Left};
use crate::domain::request::{Answer, Code, refused};
use crate::domain::run::Run;
use crate::domain::task::Task;
use std::path::Path;

/// Refuses to do a task again where its last attempt, whose end nobody saw, still works or may do. Nothing is ended here: who
/// asks may have to wait for no grace. `forced` is a person's word that it does not.
pub fn refuse_beside(repository: &Path, run: &Run, task: &Task, forced: bool) -> Result<(), Answer> {
    let Some(last) = task.last() else { return Ok(()) };
    let ending = &last.ending;
    let was_seen = ending.exit.is_some() || ending.signal.is_some() || ending.not_started.is_some();
    let Some(child) = last.process.as_ref().filter(|_| !was_seen && !last.is_open()) else { return Ok(()) };
    let id = &task.spec.id;
    let marked = process::given(&marks::of_task(repository, &run.id, id));
    let sight = process::sight(child);
    let pid = child.pid;
    match recovery::left(&sight, !marked.is_empty(), process::tells_variables(pid)) {
        Left::Nothing => Ok(()),
        Left::AtWork => {
            let pids = if marked.is_empty() { vec![pid] } else { marked };
            let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
            let pids = pids.join(" ");
            let message = format!(
                "attempt {} of {id} was given up while its process could not be seen, and is still at work (pid {pids})",
                last.number
            );
            let hint = format!("crew doctor --fix ends it, or: kill {pids}; then requeue it");
            Err(refused(Code::Busy, message, hint))
        }
        Left::Unsure(_) if forced => Ok(()),
        Left::Unsure(seen) => {
            let message = format!(
                "whether process {pid} of attempt {} of {id} still works is not sure: {seen}",
                last.number
            );
            let hint =
                format!("look with ps -p {pid}, and end it where it is its agent; then: --force REASON");
            Err(refused(Code::Busy, message, hint))
        }
    }
}
