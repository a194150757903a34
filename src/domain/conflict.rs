//! Conflicts between branches: their kinds, what two tasks do to each other, and the order that avoids most of it.

use super::id::TaskId;
use super::words::clean_line;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What keeps two sides from being merged by git alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Both change the same lines of a file.
    Content,
    /// One deletes what the other changes.
    DeleteModify,
    /// One renames, or both do: to two names, to one name, onto what the other deletes or adds, or a whole folder.
    Rename,
    /// Different modes, or a file on one side and a symbolic link on the other.
    Mode,
    /// Both change a file that is not text.
    Binary,
    /// Both add a file of that name.
    Add,
    /// A file on one side is a folder on the other.
    FileFolder,
    /// The commits of a submodule do not follow one from the other.
    Submodule,
}

impl ConflictKind {
    /// Returns the words that people read.
    pub fn words(self) -> &'static str {
        match self {
            ConflictKind::Content => "content",
            ConflictKind::DeleteModify => "delete/modify",
            ConflictKind::Rename => "rename",
            ConflictKind::Mode => "mode",
            ConflictKind::Binary => "binary",
            ConflictKind::Add => "both add",
            ConflictKind::FileFolder => "file/folder",
            ConflictKind::Submodule => "submodule",
        }
    }
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// One place that git cannot merge alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conflict {
    pub kind: ConflictKind,
    /// The paths that it is about as git has them, the one to look at first. Names are not cleaned for a terminal.
    pub paths: Vec<String>,
    /// Ranges of lines, from 1 and with both ends, in the merge base, or in ours where both added the file. What is put
    /// in between two lines stands as the line before it, or as line 1. Empty where lines say nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<(u64, u64)>,
}

/// The most conflicts that a sentence names.
const NAMED: usize = 3;

/// Names conflicts in a line: `src/a.rs (content, 3-5), b (delete/modify) and 2 more`. Paths are cleaned for a terminal.
pub fn in_words(conflicts: &[Conflict]) -> String {
    let named = conflicts.iter().take(NAMED).map(|conflict| {
        let lines = conflict.lines.first().map(|(from, to)| format!(", {from}-{to}")).unwrap_or_default();
        let path = conflict.paths.first().map(|path| clean_line(path, 200)).unwrap_or_default();
        format!("{path} ({}{lines})", conflict.kind)
    });
    let named = named.collect::<Vec<_>>().join(", ");
    match conflicts.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The most pairs of tasks that are recorded at once.
pub const MOST_CLASHES: usize = 50;
/// The most ranges of lines of one place that people see.
const SHOWN_RANGES: usize = 3;
/// The most characters of a path that people see.
const SHOWN_OF_PATH: usize = 80;

impl Conflict {
    /// Says where it is: `src/lib.rs:10-14,20`.
    pub fn place(&self) -> String {
        let path = self.paths.first().map_or_else(String::new, |path| clean_line(path, SHOWN_OF_PATH));
        let range = |(first, last): &(u64, u64)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        let mut ranges: Vec<String> = self.lines.iter().take(SHOWN_RANGES).map(range).collect();
        if self.lines.len() > SHOWN_RANGES {
            ranges.push("…".into());
        }
        if ranges.is_empty() { path } else { format!("{path}:{}", ranges.join(",")) }
    }

    /// Says what two sides do: `both change src/lib.rs:10-14`.
    fn words(&self) -> String {
        let place = self.place();
        match self.kind {
            ConflictKind::Content => format!("both change {place}"),
            ConflictKind::Binary => format!("both change {place}, which is not text"),
            ConflictKind::Add => format!("both add {place}"),
            ConflictKind::DeleteModify => format!("delete and change {place}"),
            ConflictKind::Rename => format!("rename what does not go together: {place}"),
            ConflictKind::Mode => format!("give {place} different modes"),
            ConflictKind::FileFolder => format!("make {place} a file and a folder"),
            ConflictKind::Submodule => format!("move the submodule {place} apart"),
        }
    }
}

/// What the branches of two tasks do to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clash {
    /// In the order of the workflow.
    pub tasks: (TaskId, TaskId),
    pub conflicts: Vec<Conflict>,
    /// Files that both change although git can merge them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touched: Vec<String>,
    /// How many conflicts are there beside those that are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_conflicts: u64,
    /// How many files both change beside those that are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_touched: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Clash {
    /// Returns how many places git cannot merge alone.
    pub fn weight(&self) -> u64 {
        self.conflicts.len() as u64 + self.more_conflicts
    }

    /// Says the first conflict and how many there are: `fix and docs both change src/lib.rs:10-14, and 2 more`.
    pub fn words(&self) -> Option<String> {
        let more = match self.weight() {
            0 | 1 => String::new(),
            weight => format!(", and {} more", weight - 1),
        };
        let first = self.conflicts.first()?.words();
        Some(format!("{} and {} {first}{more}", self.tasks.0, self.tasks.1))
    }

    /// Tells whether the clash is about this task.
    pub fn concerns(&self, task: &TaskId) -> bool {
        self.tasks.0 == *task || self.tasks.1 == *task
    }
}

/// Returns the order in which tasks are best merged, as places in `tasks`, which hold each task with those that it
/// depends on.
///
/// A task comes after all that it depends on; of those that may come next, the one with the fewest conflicts with all others,
/// merged or not: so what conflicts with many comes last, and holds up none of them. Of equals, the first in the order of
/// `tasks`. Give all tasks of a run, those without work too: a task may depend on another through one that changed nothing.
pub fn proposed_order(tasks: &[(&TaskId, &[TaskId])], clashes: &[Clash]) -> Vec<usize> {
    let weight = |(id, _): &(&TaskId, &[TaskId])| -> u64 {
        clashes.iter().filter(|clash| clash.concerns(id)).map(Clash::weight).sum()
    };
    let weights: Vec<u64> = tasks.iter().map(weight).collect();
    let mut left: Vec<usize> = (0..tasks.len()).collect();
    let mut order = Vec::with_capacity(tasks.len());
    while !left.is_empty() {
        let waits =
            |at: &usize| left.iter().any(|other| other != at && tasks[*at].1.contains(tasks[*other].0));
        // Steps that depend on each other in a ring are refused long before; the first of them keeps this finite.
        let next = left.iter().copied().filter(|at| !waits(at)).min_by_key(|at| weights[*at]);
        let next = next.unwrap_or(left[0]);
        left.retain(|at| *at != next);
        order.push(next);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str) -> TaskId {
        TaskId::parse(name).unwrap()
    }

    fn clash(one: &str, other: &str, conflicts: u64) -> Clash {
        Clash {
            tasks: (task(one), task(other)),
            conflicts: vec![],
            touched: vec![],
            more_conflicts: conflicts,
            more_touched: 0,
        }
    }

    fn order(tasks: &[(&str, &[&str])], clashes: &[Clash]) -> Vec<String> {
        let tasks: Vec<(TaskId, Vec<TaskId>)> =
            tasks.iter().map(|(id, after)| (task(id), after.iter().map(|id| task(id)).collect())).collect();
        let given: Vec<(&TaskId, &[TaskId])> =
            tasks.iter().map(|(id, after)| (id, after.as_slice())).collect();
        proposed_order(&given, clashes).into_iter().map(|at| tasks[at].0.to_string()).collect()
    }

    #[test]
    fn without_conflicts_the_workflow_says_the_order() {
        assert_eq!(order(&[("b", &[]), ("a", &[]), ("c", &[])], &[]), ["b", "a", "c"]);
    }

    #[test]
    fn what_conflicts_most_with_the_rest_goes_last() {
        let tasks: &[(&str, &[&str])] = &[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])];
        assert_eq!(order(tasks, &[clash("a", "b", 2), clash("a", "c", 1)]), ["d", "c", "b", "a"]);
        // The first one is at odds with all others, which go together.
        let star = ["b", "c", "d"].map(|other| clash("a", other, 1));
        assert_eq!(order(tasks, &star), ["b", "c", "d", "a"]);
    }

    #[test]
    fn what_is_merged_counts_all_the_same() {
        let tasks: &[(&str, &[&str])] = &[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])];
        let clashes = [clash("a", "b", 3), clash("b", "c", 2), clash("c", "d", 1)];
        // Once d is in, c has fewer to come than a, and yet as many in all.
        assert_eq!(order(tasks, &clashes), ["d", "a", "c", "b"]);
    }

    #[test]
    fn dependencies_come_first_however_much_they_conflict() {
        let tasks: &[(&str, &[&str])] = &[("last", &["middle"]), ("middle", &["first"]), ("first", &[])];
        assert_eq!(order(tasks, &[clash("first", "other", 50)]), ["first", "middle", "last"]);
    }

    #[test]
    fn a_conflict_is_said_in_one_harmless_line() {
        let mut clash = clash("fix", "docs", 2);
        assert_eq!(clash.words(), None);
        let lines = vec![(10, 14), (20, 20), (30, 31), (40, 41)];
        let found = |kind| Conflict { kind, paths: vec!["a\u{1b}[31m\nb".into()], lines: lines.clone() };
        clash.conflicts.push(found(ConflictKind::Content));
        let said = clash.words().unwrap();
        assert!(said.starts_with("fix and docs both change a"), "{said}");
        assert!(said.ends_with("b:10-14,20,30-31,…, and 2 more") && !said.contains('\u{1b}'), "{said}");
    }

    #[test]
    fn a_clash_is_read_as_it_was_written() {
        let text = r#"{"tasks":["a","b"],"conflicts":[{"kind":"delete_modify","paths":["x"]}]}"#;
        let read: Clash = serde_json::from_str(text).unwrap();
        assert_eq!((read.weight(), read.conflicts[0].kind), (1, ConflictKind::DeleteModify));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
