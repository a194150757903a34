//! Every path under `.crew`, named once.

use crate::domain::id::{RunId, TaskId};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The name of the folder in a repository.
pub const FOLDER: &str = ".crew";
/// The file in it that lists the findings that are put up with.
pub const BASELINE: &str = "baseline.json";
/// The folder in it that holds the tasks' own work trees.
pub const WORKTREES: &str = "worktrees";

/// The folder of a run below which it is recorded what agents do about conflicts of its merges.
pub const CONFLICTS: &str = "conflicts";

/// Paths below one repository's `.crew`.
#[derive(Clone, Debug)]
pub struct Layout {
    repository: PathBuf,
    root: PathBuf,
}

impl Layout {
    /// Names the paths below `repository`, which is absolute.
    pub fn of(repository: impl Into<PathBuf>) -> Layout {
        let repository = repository.into();
        Layout { root: repository.join(FOLDER), repository }
    }

    pub fn repository(&self) -> &Path {
        &self.repository
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn database(&self) -> PathBuf {
        self.root.join("crew.db")
    }

    /// The store that takes the place of a damaged one. Where it is there, all of it is, and nothing more is written to the
    /// damaged one.
    pub fn replacement(&self) -> PathBuf {
        self.root.join("crew.db.new")
    }

    /// Holds what is made of a damaged store, until it is whole.
    pub fn salvage(&self) -> PathBuf {
        self.root.join("salvage")
    }

    pub fn settings(&self) -> PathBuf {
        self.root.join("config.json")
    }

    /// Returns the file of findings that are put up with.
    pub fn baseline(&self) -> PathBuf {
        self.root.join(BASELINE)
    }

    pub fn gitignore(&self) -> PathBuf {
        self.root.join(".gitignore")
    }

    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Holds the tasks' own work trees, where the settings name no other folder.
    pub fn worktrees(&self) -> PathBuf {
        self.root.join(WORKTREES)
    }

    /// Holds what could not be read, as it was found.
    pub fn set_aside(&self) -> PathBuf {
        self.root.join("set-aside")
    }

    /// Names what crew itself changes while it works. The rest of the folder is for people: what is written there decides
    /// what is done next.
    pub fn state(&self) -> Vec<PathBuf> {
        let database = ["crew.db", "crew.db-wal", "crew.db-shm", "crew.db-journal", "crew.db.new"];
        let folders = ["runs", WORKTREES, "logs", "cache", "exports", "set-aside", "salvage"];
        database.iter().chain(&folders).map(|name| self.root.join(name)).collect()
    }

    /// Holds why notices could not be told last time, where they could not.
    pub fn untold(&self) -> PathBuf {
        self.logs().join("notices.failed")
    }

    /// Holds what is written for others and was given no place of its own: no task that is at work takes it for its own, or
    /// for a change of the folder.
    pub fn exports(&self) -> PathBuf {
        self.root.join("exports")
    }

    /// Holds what crew processes log that nobody watches.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Returns the log of the crew process that carries a run out without a terminal.
    pub fn log_of_run(&self, run: &RunId) -> PathBuf {
        self.logs().join(format!("{run}.log"))
    }

    /// Returns the logs of runs, with when something was last added to each.
    pub fn logs_of_runs(&self) -> Vec<(SystemTime, PathBuf)> {
        let entries = std::fs::read_dir(self.logs()).into_iter().flatten().flatten();
        let of_run = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".log"));
            name.is_some_and(|name| RunId::parse(name).is_some())
        };
        let paths = entries.map(|entry| entry.path()).filter(of_run);
        paths.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).collect()
    }

    /// Holds why traces or metrics could not be sent or written last time, where they could not.
    pub fn unsent(&self) -> PathBuf {
        self.root.join("logs").join("telemetry.failed")
    }

    /// Holds when a collector that failed is tried again, where the last request failed.
    pub fn collector(&self) -> PathBuf {
        self.root.join("logs").join("telemetry.collector")
    }

    /// Holds a file with metrics for each of the last days.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("logs").join("metrics")
    }

    pub fn run(&self, run: &RunId) -> RunPaths {
        RunPaths { root: self.runs().join(run.as_str()) }
    }

    /// Returns a path as people see it: relative to the repository where it is inside.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.repository).unwrap_or(path).display().to_string()
    }
}

/// Paths of one run.
#[derive(Clone, Debug)]
pub struct RunPaths {
    root: PathBuf,
}

impl RunPaths {
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    pub fn inbox(&self) -> PathBuf {
        self.root.join("inbox")
    }

    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Holds what agents say that are to go on when crew dies, until they have ended.
    pub fn output(&self) -> PathBuf {
        self.root.join("output")
    }

    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// Holds a link named `crew` to the running binary; it stands first in the children's PATH.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// Holds the files that agents are given beside their prompts.
    pub fn companions(&self) -> PathBuf {
        self.root.join("companions")
    }

    /// What the process said that carries the run out without a terminal.
    pub fn dispatcher_log(&self) -> PathBuf {
        self.root.join("dispatcher.log")
    }

    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    pub fn tasks(&self) -> PathBuf {
        self.root.join("tasks.json")
    }
}

/// Returns the repository and the run that an inbox belongs to.
pub fn owner_of_inbox(inbox: &Path) -> Option<(PathBuf, RunId)> {
    let run = inbox.parent()?;
    let id = RunId::parse(run.file_name()?.to_str()?)?;
    let repository = run.parent()?.parent()?.parent()?.to_owned();
    let known = Layout::of(&repository).run(&id).inbox() == inbox;
    known.then_some((repository, id))
}

/// Returns the log of an attempt, relative to the run's folder.
pub fn log_of(task: &TaskId, attempt: u32) -> String {
    format!("logs/{task}.{attempt}.log")
}

/// Returns the task and the number of the attempt that a file among the logs is of.
pub fn attempt_of_log(name: &str) -> Option<(TaskId, u32)> {
    let (task, number) = name.strip_suffix(".log")?.split_once('.')?;
    let number = number.strip_suffix(".verify").unwrap_or(number);
    Some((TaskId::parse(task)?, number.parse().ok()?))
}

/// Returns where the output of an attempt's first child is kept, or of its second, relative to the run's folder. Each of its
/// files has an ending of its own behind it.
pub fn output_of(task: &TaskId, attempt: u32, reminded: bool) -> String {
    format!("output/{task}.{attempt}.{}", if reminded { "2" } else { "1" })
}

/// Returns the log of an attempt's verification commands, relative to the run's folder.
pub fn verification_log_of(task: &TaskId, attempt: u32) -> String {
    format!("logs/{task}.{attempt}.verify.log")
}

/// Returns where the contents of files are kept that an attempt handed in, relative to the run's folder.
pub fn files_of(task: &TaskId, attempt: u32) -> String {
    format!("files/{task}.{attempt}")
}

/// Returns where the rules are kept that a task's work is reviewed by, relative to the run's folder.
pub fn review_rules_of(task: &TaskId) -> String {
    format!("review-rules/{task}.json")
}

/// Returns the excludes that git is given in a task's worktree, relative to the run's folder.
pub fn excludes_of(task: &TaskId) -> String {
    format!("worktrees/{task}.excludes")
}

/// Returns the mark of a task's worktree that was set up, relative to the run's folder.
pub fn setup_mark_of(task: &TaskId) -> String {
    format!("worktrees/{task}.ready")
}

/// Returns the log of what verifies a merge, the number-th, relative to the run's folder. No task has a `+` in its name.
pub fn merge_log_of(number: u32) -> String {
    format!("logs/+merge.{number}.log")
}

/// Returns the excludes that hold in the worktree of a merge, relative to the run's folder.
pub fn merge_excludes() -> String {
    "worktrees/+merge.excludes".into()
}

/// Returns the mark of the worktree of a merge that was set up, relative to the run's folder.
pub fn merge_setup_mark() -> String {
    "worktrees/+merge.ready".into()
}

/// Returns where a change of the tree is prepared, relative to the run's folder; gone when it is recorded.
pub fn stage_of(task: &TaskId, attempt: u32) -> String {
    format!("applying/{task}.{attempt}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_log_tells_of_its_attempt() {
        let task = TaskId::parse("fix").unwrap();
        let name = |log: String| log.strip_prefix("logs/").unwrap().to_owned();
        for log in [log_of(&task, 12), verification_log_of(&task, 12)] {
            assert_eq!(attempt_of_log(&name(log)), Some((task.clone(), 12)));
        }
        for other in [name(merge_log_of(1)), "fix.log".into(), "fix.1.txt".into(), "fix.1.2.log".into()] {
            assert_eq!(attempt_of_log(&other), None, "{other}");
        }
    }

    #[test]
    fn all_that_crew_makes_of_a_store_is_its_state() {
        let layout = Layout::of("/r");
        let state = layout.state();
        for path in
            [layout.database(), layout.replacement(), layout.salvage(), layout.set_aside(), layout.exports()]
        {
            assert!(state.contains(&path), "{path:?}");
        }
    }
}
