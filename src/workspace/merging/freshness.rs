//! How far a branch has moved on since a run began from it.

use super::{MergeError, Repository};
use serde::Serialize;
use std::collections::HashSet;

/// The most commits whose subjects are told.
const SHOWN: usize = 3;

/// How a branch stands to what a run began from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds what the run began from, and nothing since but the work of the run itself.
    Fresh,
    /// It has moved on.
    Stale,
    /// It does not hold what the run began from: it was rewritten, or is another branch.
    Diverged,
}

/// How far a branch has moved on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Freshness {
    pub state: State,
    /// How many commits it holds that the run does not know of.
    pub commits: u64,
    /// The newest of them.
    pub subjects: Vec<String>,
    /// How many commits that the run began from it does not hold.
    pub missing: u64,
}

/// Compares a branch with what a run began from. `own` are the moves of the branch by which work of the run itself came
/// to it, as the commits before and after each.
pub fn of(
    repository: &Repository,
    base: &str,
    branch: &str,
    own: &[(&str, &str)],
) -> Result<Freshness, MergeError> {
    let git = &repository.git;
    let mut ours = HashSet::new();
    for (from, to) in own {
        // A branch that was moved back since may have lost them.
        let moved = git.text(&["rev-list", to, &format!("^{from}"), "--"]).unwrap_or_default();
        ours.extend(moved.lines().map(str::to_owned));
    }
    let asked = ["log", "-z", "--no-show-signature", "--format=%H %h %s", branch, &format!("^{base}"), "--"];
    let since = git.entries(&asked)?;
    let foreign: Vec<&str> = since
        .iter()
        .filter_map(|line| line.split_once(' '))
        .filter(|(id, _)| !ours.contains(*id))
        .map(|(_, rest)| rest)
        .collect();
    let missing = git.text(&["rev-list", "--count", base, &format!("^{branch}"), "--"])?;
    let missing: u64 = missing.parse().unwrap_or_default();
    let state = match (missing, foreign.len()) {
        (1.., _) => State::Diverged,
        (0, 0) => State::Fresh,
        (0, _) => State::Stale,
    };
    let subjects = foreign.iter().take(SHOWN).map(|line| line.trim().to_owned()).collect();
    Ok(Freshness { state, commits: foreign.len() as u64, subjects, missing })
}
