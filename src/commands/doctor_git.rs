//! What git commands that were killed, and stores that were lost, have left in the repository.

use super::doctor::Check;
use super::run_sight::Around;
use crate::domain::id::RunId;
use crate::domain::publishing::in_shell;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::ui::words;
use crate::workspace::task_work::git_of;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Git holds a lock for moments; one that is older was left by a git that was killed.
const OLD: Duration = Duration::from_secs(10 * 60);
/// The most files that are looked at.
const MAX_LOOKED: usize = 50_000;
/// The most names that are shown.
const MAX_NAMED: usize = 5;

/// Finds lock files of git's that nobody holds any more: until they are gone, git refuses to work there, and crew with it.
pub(super) fn left_locks(layout: &Layout) -> Option<Check> {
    let git = git_of(layout.repository());
    let common = git.text(&["rev-parse", "--path-format=absolute", "--git-common-dir"]).ok()?;
    let common = PathBuf::from(common);
    let mut folders = vec![common.clone()];
    folders.extend(inside(&common.join("worktrees")).filter(|path| path.is_dir()));
    let mut files: Vec<PathBuf> = folders.iter().flat_map(|folder| inside(folder)).collect();
    let mut references = vec![common.join("refs/heads/crew"), common.join("refs/crew")];
    while let Some(folder) = references.pop().filter(|_| files.len() < MAX_LOOKED) {
        let (deeper, here): (Vec<_>, Vec<_>) = inside(&folder).partition(|path| path.is_dir());
        references.extend(deeper);
        files.extend(here);
    }
    let is_old = |path: &Path| {
        let touched = path.symlink_metadata().and_then(|lock| lock.modified()).ok();
        touched.and_then(|at| at.elapsed().ok()).is_some_and(|age| age >= OLD)
    };
    let is_lock = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "lock") && path.is_file();
    let mut locks: Vec<String> = files
        .into_iter()
        .filter(|path| is_lock(path) && is_old(path))
        .map(|path| path.display().to_string())
        .collect();
    locks.sort();
    let first = locks.first()?;
    let detail = format!(
        "{} of git's was left for more than 10 minutes: {}",
        words::count(locks.len(), "lock"),
        some(&locks)
    );
    let hint =
        format!("where no git is at work there any more: {}", in_shell("rm", std::slice::from_ref(first)));
    Some(Check::warn("locks", detail, hint))
}

/// Finds references that hold work of runs of which nothing is recorded.
pub(super) fn left_references(layout: &Layout) -> Option<Check> {
    let store = Store::open_existing(layout).ok().flatten();
    // Where it cannot be read, that was said.
    let known: BTreeSet<RunId> = match &store {
        None if layout.database().exists() => return None,
        None => BTreeSet::new(),
        Some(store) => {
            let runs = store.runs(usize::MAX).ok()?.into_iter().map(|row| row.id);
            runs.chain(store.tombstones("", usize::MAX).ok()?.into_iter().map(|stone| stone.id)).collect()
        }
    };
    let around = Around::of(layout).ok()?;
    let is_known = |run: &str| RunId::parse(run).is_none_or(|run| known.contains(&run));
    let left = around.held.iter().filter(|(run, _)| !is_known(run));
    let names: Vec<String> =
        left.flat_map(|(_, held)| held.iter().map(|held| held.reference.clone())).collect();
    let first = names.first()?;
    let hold = if names.len() == 1 { "holds" } else { "hold" };
    let detail = format!(
        "{} {hold} work of runs that no record knows: {}",
        words::count(names.len(), "reference"),
        some(&names)
    );
    let delete = in_shell("git", &["update-ref".into(), "-d".into(), first.clone()]);
    let hint = format!(
        "{} shows it; where nobody wants it: {delete}",
        in_shell("git", &["log".into(), first.clone()])
    );
    Some(Check::warn("references", detail, hint))
}

fn inside(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn some(names: &[String]) -> String {
    let more = if names.len() > MAX_NAMED { ", ..." } else { "" };
    format!("{}{more}", names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", "))
}
