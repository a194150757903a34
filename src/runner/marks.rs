//! The variables by which a process is known that was started for a run, wherever it went.
//!
//! A run's id is not enough: a folder that was copied holds the same runs, and so does a repository into which one was taken
//! over. What is at work there is none of ours.

use crate::domain::id::{RunId, TaskId};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Names the top of the work tree in which crew was called.
pub const REPOSITORY: &str = "CREW_REPOSITORY";

/// Returns what every process of a run was given.
pub fn of_run(repository: &Path, run: &RunId) -> Vec<String> {
    vec![format!("CREW_RUN={run}"), format!("{REPOSITORY}={}", repository.display())]
}

/// Returns what every process of a task was given.
pub fn of_task(repository: &Path, run: &RunId, task: &TaskId) -> Vec<String> {
    [of_run(repository, run), vec![format!("CREW_TASK={task}")]].concat()
}

/// Tells whether a process whose variables these are, in the system's form, was given a mark. A repository that was moved
/// meanwhile is told by its old name, where nothing is any more.
pub fn is_given(environment: &[u8], mark: &str) -> bool {
    let mut entries = environment.split(|byte| *byte == 0);
    let Some((name, wanted)) = mark.split_once('=').filter(|(name, _)| *name == REPOSITORY) else {
        return entries.any(|entry| entry == mark.as_bytes());
    };
    let named = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    named.is_some_and(|named| named == wanted.as_bytes() || !Path::new(OsStr::from_bytes(named)).exists())
}

/// Tells whether a process was started for another repository than the one of these marks. One of which nothing is known
/// may be ours.
pub fn is_elsewhere(environment: &[u8], marks: &[String]) -> bool {
    let names =
        |entry: &[u8]| entry.strip_prefix(REPOSITORY.as_bytes()).is_some_and(|value| value.starts_with(b"="));
    let mut ours = marks.iter().filter(|mark| names(mark.as_bytes()));
    environment.split(|byte| *byte == 0).any(names) && ours.any(|ours| !is_given(environment, ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_a_copy_is_no_process_of_ours() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let run = RunId::parse("7k2aaaaaaaaa").unwrap();
        let task = TaskId::parse("build").unwrap();
        let given = |at: &Path| {
            format!("HOME=/\0CREW_RUN={run}\0CREW_REPOSITORY={}\0CREW_TASK={task}\0", at.display())
                .into_bytes()
        };
        let is_ours = |environment: &[u8]| {
            let marks = of_task(ours.path(), &run, &task);
            marks.iter().all(|mark| is_given(environment, mark))
        };
        assert!(is_ours(&given(ours.path())));
        assert!(!is_ours(&given(theirs.path())));
        let is_elsewhere = |environment: &[u8]| is_elsewhere(environment, &of_run(ours.path(), &run));
        assert!(is_elsewhere(&given(theirs.path())) && !is_elsewhere(&given(ours.path())));
        assert!(!is_elsewhere(&given(&theirs.path().join("moved-away"))) && !is_elsewhere(b"HOME=/\0"));
        assert!(is_ours(&given(&theirs.path().join("moved-away"))), "it was moved");
        assert!(!is_ours(format!("CREW_RUN={run}\0CREW_TASK={task}\0").as_bytes()), "nobody's");
        let other = TaskId::parse("test").unwrap();
        assert!(!of_task(ours.path(), &run, &other).iter().all(|mark| is_given(&given(ours.path()), mark)));
    }
}
