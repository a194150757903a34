//! The rules of the repository that whoever reviews a task's work is told, as they stood before that work.
//!
//! Reading them takes git's time, so it is done by the thread that keeps the work; whoever starts a reviewer only opens
//! a file.

use crate::agents::review_prompt;
use crate::domain::review::target::ReviewTarget;
use crate::domain::run::Run;
use crate::domain::task::{BUILT_IN, Task};
use crate::store::atomic_file;
use crate::store::layout::{self, RunPaths};
use crate::workspace::{reviewed, rules, task_work};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is kept for the reviewers of a task.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// The commits that were compared. Work that was changed since then may fall under other rules.
    base: String,
    head: String,
    /// The part of a prompt that tells the rules; empty where there are none.
    words: String,
}

/// Returns the file for the rules that a task's work is reviewed by, where an agent of its run reviews it. In a run of
/// `crew review` each reviewer is told them with its task.
pub fn file_for(run: &Run, paths: &RunPaths, task: &Task) -> Option<PathBuf> {
    let reviews_it = |other: &&Task| {
        let reviewed = other.spec.reviews.as_ref().and_then(|reviews| reviews.task.as_ref());
        reviewed == Some(&task.spec.id) && other.spec.program() != BUILT_IN
    };
    (run.review.is_none() && run.tasks.iter().any(|other| reviews_it(&other)))
        .then(|| paths.root().join(layout::review_rules_of(&task.spec.id)))
}

/// Reads the rules for the change from `base` to `head`, commits of the repository, and keeps them in `file`. Where that
/// fails there is no file for these commits, and [`words`] says so.
pub fn keep(repository: &Path, (base, head): (&str, &str), file: &Path) {
    // What is not here is not fetched: the reviewer may wait for that, the run may not.
    let git = task_work::git_of(repository).with("GIT_NO_LAZY_FETCH", "1");
    let read =
        reviewed::paths(&git, base, head).and_then(|changed| rules::read(&git, (base, head), &changed));
    let Ok(read) = read else { return };
    let (base, head) = (base.to_owned(), head.to_owned());
    let kept = Kept { base, head, words: review_prompt::rules_text(&read) };
    let _ = serde_json::to_vec(&kept).map(|kept| atomic_file::write(file, &kept));
}

/// Returns what the agent that works on a task is told of the rules for what it reviews; nothing where it reviews nothing.
pub fn words(run: &Run, paths: &RunPaths, task: &Task) -> String {
    let worked = task.spec.reviews.as_ref().and_then(|reviews| run.task(reviews.task.as_ref()?));
    let file = worked.and_then(|worked| file_for(run, paths, worked));
    let (Some(file), Some(ReviewTarget { base, head, .. })) = (file, run.target_of(task)) else {
        return String::new();
    };
    let kept = std::fs::read(file).ok().and_then(|kept| serde_json::from_slice::<Kept>(&kept).ok());
    match kept.filter(|kept| (&kept.base, &kept.head) == (&base, &head)) {
        Some(kept) => kept.words,
        None => format!(
            "\n## The rules of this repository\n\nThey could not be read for you. Look for them as they stood before the \
             change, in .agents/REVIEW.md, .agents/checks and AGENTS.md: git show {base}:PATH.\n"
        ),
    }
}
