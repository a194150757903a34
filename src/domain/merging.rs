//! What of a run's work is brought back to a branch, in which order, and how it is told there.

use super::conflict::Clash;
use super::error_kind::ErrorKind;
use super::id::{RunId, TaskId};
use super::publishing::in_shell;
use super::review::rounds;
use super::run::Run;
use super::task::{Task, TaskState};
use super::words::clean_line;
use super::worktree::Base;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// How many characters of a commit's id are shown in a command.
const SHOWN_OF_ID: usize = 12;
/// The most characters of the first line of a commit message.
const MAX_SUBJECT: usize = 100;

/// How the work of a task becomes part of a branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A merge commit for each task.
    #[default]
    Merge,
    /// One plain commit for each task.
    Squash,
    /// Each of the task's own commits once more.
    Rebase,
}

impl How {
    /// Every way.
    pub const ALL: [How; 3] = [How::Merge, How::Squash, How::Rebase];

    /// Returns the word used in JSON and in the settings.
    pub fn name(self) -> &'static str {
        match self {
            How::Merge => "merge",
            How::Squash => "squash",
            How::Rebase => "rebase",
        }
    }

    /// Takes the word that `name` returns.
    pub fn parse(name: &str) -> Option<How> {
        How::ALL.into_iter().find(|how| how.name() == name)
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The work of one task in a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedTask {
    pub task: TaskId,
    /// Id of the newest commit of its work.
    pub tip: String,
    /// Id of the commit of the branch that holds it.
    pub commit: String,
}

/// A branch is moved so that it holds the work of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merging {
    /// In the order in which they were merged.
    pub tasks: Vec<MergedTask>,
    /// The branch: `main`.
    pub into: String,
    /// Ids of the commits that it stood at before, and stands at after that.
    pub from: String,
    pub to: String,
    pub how: How,
    /// Who asked for it.
    pub by: String,
}

/// Work of a task that a branch holds, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Landed {
    pub into: String,
    pub tip: String,
    pub commit: String,
    pub how: How,
    /// Where the branch stood before and after all that was merged at once.
    pub from: String,
    pub to: String,
}

impl Landed {
    /// Returns what is known of one task of a merge.
    pub fn of(merging: &Merging, merged: &MergedTask) -> Landed {
        let Merging { into, from, to, how, .. } = merging.clone();
        Landed { into, tip: merged.tip.clone(), commit: merged.commit.clone(), how, from, to }
    }
}

/// Why a branch has not moved at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmerged {
    /// Where that has a kind.
    pub kind: Option<ErrorKind>,
    /// One sentence.
    pub why: String,
}

/// Which tasks are merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Their places in the run, in the order in which they are merged.
    pub places: Vec<usize>,
    /// Tasks that nobody named, with the one that builds on them.
    pub brought: Vec<(TaskId, TaskId)>,
    /// Tasks with nothing to be merged, or whose work does not count yet, with the reason.
    pub left_out: Vec<(TaskId, String)>,
    /// Why there is work among them that does not count yet.
    pub not_ready: Vec<NotMergeable>,
}

/// Why work that was asked for by name is not merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotMergeable {
    /// For programs, in snake case.
    pub code: &'static str,
    pub message: String,
    pub hint: String,
}

/// Chooses what is merged: the tasks that were named with all that they build on, else every completed one with work
/// that is not on the branch yet. `is_in` tells of a task with work whether that is there; `short` is the run's id as
/// people see it.
///
/// A task comes after those that it depends on, and stands where the proposed order has it beside the others: what
/// `conflicts` with many of them comes last.
pub fn choose(
    run: &Run,
    short: &str,
    named: &[TaskId],
    conflicts: &[Clash],
    is_in: impl Fn(&Task) -> bool,
) -> Result<Choice, NotMergeable> {
    let mut choice = Choice::default();
    let mut chosen: BTreeSet<usize> = BTreeSet::new();
    for (place, task) in run.tasks.iter().enumerate() {
        let id = &task.spec.id;
        let is_named = named.contains(id);
        if !is_named && !named.is_empty() {
            continue;
        }
        let nothing = nothing_of(task, &is_in);
        if let Some(nothing) = nothing {
            let has_work = task.tree.as_ref().is_some_and(|tree| tree.has_work());
            if let Some(why) = task.unkept().filter(|_| !has_work) {
                choice.left_out.push((id.clone(), format!("its work could not be kept: {why}")));
            } else if is_named {
                choice.left_out.push((id.clone(), nothing.to_owned()));
            }
            continue;
        }
        let with_it = beneath(run, place, &is_in);
        let mut together = std::iter::once(place).chain(with_it.iter().copied());
        match together.find_map(|at| in_the_way(run, at)) {
            Some(at) if is_named => return Err(not_mergeable(run, short, place, at)),
            Some(at) => {
                choice.left_out.push((id.clone(), why_left_out(run, place, at)));
                choice.not_ready.push(not_mergeable(run, short, place, at));
            }
            None => {
                chosen.insert(place);
                for under in with_it {
                    let under_id = &run.tasks[under].spec.id;
                    if chosen.insert(under) && !named.is_empty() && !named.contains(under_id) {
                        choice.brought.push((under_id.clone(), id.clone()));
                    }
                }
            }
        }
    }
    choice.places = run.order_with(conflicts).into_iter().filter(|place| chosen.contains(place)).collect();
    Ok(choice)
}

/// Says why there is nothing of a task to be merged, where that is so.
fn nothing_of(task: &Task, is_in: impl Fn(&Task) -> bool) -> Option<&'static str> {
    match &task.tree {
        None if task.spec.is_apart() => Some("it never came to work"),
        None => Some("it has no work tree of its own; what it did is in the folder already"),
        Some(tree) if !tree.has_work() && !tree.astray.is_empty() => {
            Some("what it did in a submodule is on no branch; crew restore brings it back")
        }
        Some(tree) if !tree.has_work() => Some("it changed nothing"),
        Some(_) if is_in(task) => Some("its work is there already"),
        Some(_) => None,
    }
}

/// Returns the tasks whose work a task's own holds beside its own, as far as it is not on the branch.
fn beneath(run: &Run, place: usize, is_in: impl Fn(&Task) -> bool) -> BTreeSet<usize> {
    let is_missing = |under: &usize| nothing_of(&run.tasks[*under], &is_in).is_none();
    under(run, place).into_iter().filter(is_missing).collect()
}

/// Returns the places of the tasks whose work a task's own holds beside its own.
pub fn under(run: &Run, place: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut ahead = vec![place];
    while let Some(at) = ahead.pop() {
        let from = run.tasks[at].tree.iter().flat_map(|tree| &tree.from).filter_map(|id| run.place(id));
        ahead.extend(from.filter(|under| found.insert(*under)));
    }
    found
}

/// Tells whether the work of a task counts, as far as it is its own.
pub fn counts(run: &Run, task: &Task) -> bool {
    run.place(&task.spec.id).is_some_and(|place| in_the_way(run, place).is_none())
}

/// Returns the place of the task because of which the work of one does not count yet: itself, or who may send it back and has
/// not let it go.
fn in_the_way(run: &Run, place: usize) -> Option<usize> {
    let task = &run.tasks[place];
    if task.state != TaskState::Completed {
        return Some(place);
    }
    if rounds::limit_of(run, task) == 0 {
        return None;
    }
    let is_left = |task: &&Task| task.state != TaskState::Completed && !task.skipped_by_condition;
    rounds::reviewers_of(run, task).find(is_left).and_then(|reviewer| run.place(&reviewer.spec.id))
}

fn why_left_out(run: &Run, place: usize, at: usize) -> String {
    let stands = match run.tasks[at].state {
        TaskState::NeedsReview => "needs review".to_owned(),
        TaskState::AwaitingInput => "waits for a person".to_owned(),
        other => format!("is {other}"),
    };
    let other = &run.tasks[at];
    let id = &other.spec.id;
    match other.reviewed_task() {
        _ if at == place => format!("it {stands}"),
        None => format!("it builds on {id}, which {stands}"),
        Some(reviewed) => {
            let which = match *reviewed == run.tasks[place].spec.id {
                true => "it".to_owned(),
                false => format!("{reviewed}, on which it builds"),
            };
            let why = if other.reason.is_empty() { stands } else { clean_line(&other.reason, MAX_SUBJECT) };
            format!("{id} has not approved {which}: {why}")
        }
    }
}

fn not_mergeable(run: &Run, short: &str, place: usize, at: usize) -> NotMergeable {
    let (task, other) = (&run.tasks[place], &run.tasks[at]);
    let id = &other.spec.id;
    let hint = match other.state {
        TaskState::NeedsReview => format!("crew accept {short} {id} lets its work count"),
        TaskState::Queued | TaskState::Running | TaskState::AwaitingInput => {
            format!("crew status {short} shows how it goes")
        }
        _ if other.reviewed_task().is_some() => {
            format!(
                "crew requeue {short} {id} has it reviewed again; crew accept works on one that needs review"
            )
        }
        _ => {
            let branch = other.tree.as_ref().map_or("", |tree| &tree.branch);
            format!("its work is on the branch {branch}; git merges it, if you take it upon you")
        }
    };
    let message = format!("task {} is not merged: {}", task.spec.id, why_left_out(run, place, at));
    NotMergeable { code: "not_completed", message, hint }
}

/// Returns the command that brings work of a run back, as a person types it: `crew merge 7k2 fix`. Without tasks it is
/// that of all. `short` is the run's id as people see it.
pub fn command(run: &Run, short: &str, tasks: &[&str]) -> String {
    let Some(Base { commit, branch: None, snapshot }) = &run.base else {
        return typed(run, short, tasks, None);
    };
    // Nobody named a branch: it is the one that took some of it in before, or a new one.
    if let Some(landed) = run.tasks.iter().flat_map(|task| &task.landed).next_back() {
        return typed(run, short, tasks, Some(&landed.into));
    }
    let branch = format!("work-{short}");
    // Beneath a commit of crew's own is the user's.
    let parent = if *snapshot { "~" } else { "" };
    let commit = commit.get(..SHOWN_OF_ID).unwrap_or(commit);
    format!("git branch {branch} {commit}{parent} && {}", typed(run, short, tasks, Some(&branch)))
}

/// Returns the command that merges all the work of a run into a certain branch.
pub fn command_into(run: &Run, short: &str, branch: &str) -> String {
    let is_its_own = run.base.as_ref().is_some_and(|base| base.branch.as_deref() == Some(branch));
    typed(run, short, &[], Some(branch).filter(|_| !is_its_own))
}

fn typed(run: &Run, short: &str, tasks: &[&str], into: Option<&str>) -> String {
    let mut words = vec!["merge", short];
    words.extend(tasks);
    words.extend(into.into_iter().flat_map(|branch| ["--into", branch]));
    // What was not committed then comes into no history.
    words.extend(run.base.as_ref().filter(|base| base.snapshot).map(|_| "--squash"));
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    in_shell("crew", &words)
}

/// Returns the trailers by which a commit is known as the work of a task.
fn trailers(run: &RunId, task: &TaskId) -> String {
    format!("Crew-Run: {run}\nCrew-Task: {task}\n")
}

/// Returns the message of the commit that brings a task's work. `short` is the run's id as people see it.
pub fn message(how: How, run: &RunId, short: &str, task: &Task) -> String {
    match how {
        How::Merge => merge_message(run, short, task),
        How::Squash | How::Rebase => squash_message(run, short, task),
    }
}

fn merge_message(run: &RunId, short: &str, task: &Task) -> String {
    let id = &task.spec.id;
    let colon = summary_of(task).map(|summary| format!(": {summary}")).unwrap_or_default();
    let subject = clean_line(&format!("Merge task {id} of run {short}{colon}"), MAX_SUBJECT);
    format!("{subject}\n\n{}", trailers(run, id))
}

/// Returns the message of the one commit that holds all of a task's work.
fn squash_message(run: &RunId, short: &str, task: &Task) -> String {
    let id = &task.spec.id;
    let own = format!("Task {id} of run {short}");
    match summary_of(task) {
        None => format!("{own}\n\n{}", trailers(run, id)),
        Some(summary) => {
            let subject = clean_line(&summary, MAX_SUBJECT);
            let whole = if subject == summary { own } else { format!("{summary}\n\n{own}") };
            format!("{subject}\n\n{whole}\n\n{}", trailers(run, id))
        }
    }
}

fn summary_of(task: &Task) -> Option<String> {
    let summary = task.last().map(|last| clean_line(&last.summary, 1_000)).unwrap_or_default();
    (!summary.trim().is_empty()).then(|| summary.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::review::target::Reviews;
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::time::Time;
    use crate::domain::worktree::TaskTree;

    fn id(name: &str) -> TaskId {
        TaskId::parse(name).unwrap()
    }

    fn tree(tip: Option<&str>, from: &[&str]) -> Option<Box<TaskTree>> {
        Some(Box::new(TaskTree {
            path: "p".into(),
            branch: "crew/r/t".into(),
            base: "base".into(),
            from: from.iter().map(|name| id(name)).collect(),
            tip: tip.map(str::to_owned),
            astray: Vec::new(),
            unkept: None,
            removed: false,
        }))
    }

    /// `b` builds on `a`, `c` on nothing, `d` changed nothing, `e` has no tree, `f` builds on `d`.
    fn run() -> Run {
        let steps = vec![
            spec("b", &["a"]),
            spec("a", &[]),
            spec("c", &[]),
            spec("d", &[]),
            spec("e", &[]),
            spec("f", &["d"]),
        ];
        let mut run = run_of(steps);
        let trees = [
            tree(Some("tip-b"), &["a"]),
            tree(Some("tip-a"), &[]),
            tree(Some("tip-c"), &[]),
            tree(Some("base"), &[]),
            None,
            tree(Some("tip-f"), &["d"]),
        ];
        for (task, tree) in run.tasks.iter_mut().zip(trees) {
            (task.state, task.tree) = (TaskState::Completed, tree);
        }
        run
    }

    fn chosen(run: &Run, named: &[&str], merged: &[&str]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let named: Vec<TaskId> = named.iter().map(|name| id(name)).collect();
        let choice = choose(run, "7k2", &named, &run.conflicts_ahead(), |task| {
            merged.contains(&task.spec.id.as_str())
        })
        .unwrap();
        let names = choice.places.iter().map(|place| run.tasks[*place].spec.id.to_string()).collect();
        let brought = choice.brought.iter().map(|(task, by)| format!("{task} for {by}")).collect();
        let left = choice.left_out.iter().map(|(task, why)| format!("{task}: {why}")).collect();
        (names, brought, left)
    }

    fn none() -> Vec<String> {
        Vec::new()
    }

    #[test]
    fn everything_completed_that_is_not_there_yet_is_merged_after_what_it_depends_on() {
        let mut run = run();
        let all = ["a", "c", "b", "f"].map(String::from).to_vec();
        let (mut names, ..) = chosen(&run, &[], &[]);
        let place = |names: &[String], name: &str| names.iter().position(|one| one == name);
        assert!(place(&names, "a") < place(&names, "b"), "{names:?}");
        names.sort_by_key(|name| place(&all, name));
        assert_eq!(names, all);
        assert_eq!(chosen(&run, &[], &["a", "c", "f"]), (vec!["b".into()], none(), none()));
        run.tasks[2].state = TaskState::NeedsReview;
        let left = vec!["c: it needs review".to_owned()];
        assert_eq!(chosen(&run, &[], &["a", "f"]), (vec!["b".into()], none(), left));
    }

    #[test]
    fn work_that_a_reviewer_in_rounds_has_not_let_go_does_not_count_until_a_person_accepts_it() {
        let mut run = run();
        let mut reviewer = spec("look", &[]);
        reviewer.reviews = Some(Reviews { task: Some(id("a")), rounds: 2, ..Reviews::default() });
        run = run_of(run.tasks.iter().map(|task| task.spec.clone()).chain([reviewer]).collect());
        for (task, tip) in
            run.tasks.iter_mut().zip(["tip-b", "tip-a", "tip-c", "base", "base", "tip-f", "base"])
        {
            let from: &[&str] = if tip == "tip-b" { &["a"] } else { &[] };
            (task.state, task.tree) = (TaskState::Completed, tree(Some(tip), from));
        }
        let (of_reviewer, all) = (run.tasks.len() - 1, ["a", "b", "c", "f"]);
        let merged = |run: &Run| {
            let mut names = chosen(run, &[], &[]).0;
            names.sort();
            names
        };
        assert_eq!(merged(&run), all);
        run.tasks[of_reviewer].state = TaskState::NeedsReview;
        run.tasks[of_reviewer].reason = "changes are still requested after 2 rounds".into();
        assert_eq!(merged(&run), ["c", "f"]);
        let refused = choose(&run, "7k2", &[id("b")], &[], |_| false).unwrap_err();
        assert_eq!(
            refused.message,
            "task b is not merged: look has not approved a, on which it builds: changes are still requested after 2 rounds"
        );
        assert_eq!(refused.hint, "crew accept 7k2 look lets its work count");
        // Who looks once says what it found, and sends nothing back.
        let once = run.tasks[of_reviewer].spec.reviews.as_mut().unwrap();
        once.rounds = 0;
        assert_eq!(merged(&run), all);
    }

    #[test]
    fn what_a_named_task_builds_on_comes_with_it() {
        let run = run();
        let both = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(chosen(&run, &["b"], &[]), (both, vec!["a for b".into()], none()));
        assert_eq!(chosen(&run, &["b"], &["a"]), (vec!["b".into()], none(), none()));
        assert_eq!(chosen(&run, &["f"], &[]), (vec!["f".into()], none(), none()));
        let left = [
            "a: its work is there already",
            "d: it changed nothing",
            "e: it has no work tree of its own; what it did is in the folder already",
        ];
        assert_eq!(chosen(&run, &["a", "d", "e"], &["a"]), (none(), none(), left.map(String::from).to_vec()));
    }

    #[test]
    fn work_that_does_not_count_is_merged_with_nothing_that_builds_on_it() {
        let mut run = run();
        run.tasks[1].state = TaskState::NeedsReview;
        let (names, _, left) = chosen(&run, &[], &[]);
        assert!(!names.contains(&"b".into()), "{names:?}");
        assert_eq!(left[0], "b: it builds on a, which needs review");
        let refused = choose(&run, "7k2", &[id("b")], &[], |_| false).unwrap_err();
        assert_eq!(refused.to_string(), "task b is not merged: it builds on a, which needs review");
        assert_eq!(refused.hint, "crew accept 7k2 a lets its work count");
        run.tasks[2].state = TaskState::Failed;
        let refused = choose(&run, "7k2", &[id("c")], &[], |_| false).unwrap_err();
        assert_eq!(refused.to_string(), "task c is not merged: it is failed");
        assert!(refused.hint.contains("crew/r/t"), "{}", refused.hint);
    }

    #[test]
    fn messages_name_the_task_and_say_what_was_achieved() {
        let mut run = run_of(vec![spec("fix", &[])]);
        let messages = |run: &Run| {
            let task = &run.tasks[0];
            (message(How::Merge, &run.id, "7k2", task), message(How::Squash, &run.id, "7k2", task))
        };
        let trailers = format!("Crew-Run: {}\nCrew-Task: fix\n", run.id);
        let (merge, squash) = messages(&run);
        assert_eq!(merge, format!("Merge task fix of run 7k2\n\n{trailers}"));
        assert_eq!(squash, format!("Task fix of run 7k2\n\n{trailers}"));
        run.apply(Time(1), &started("fix", 1)).unwrap();
        run.apply(Time(2), &ended("fix", 1, crate::domain::event::Outcome::Succeeded, None)).unwrap();
        run.tasks[0].attempts[0].summary = "Login is limited".into();
        let (merge, squash) = messages(&run);
        assert_eq!(merge, format!("Merge task fix of run 7k2: Login is limited\n\n{trailers}"));
        assert_eq!(squash, format!("Login is limited\n\nTask fix of run 7k2\n\n{trailers}"));
        let long = "word ".repeat(50).trim().to_owned();
        run.tasks[0].attempts[0].summary = long.clone();
        let (merge, squash) = messages(&run);
        assert!(merge.lines().next().unwrap().chars().count() <= MAX_SUBJECT + 3, "{merge}");
        assert!(squash.contains(&format!("\n\n{long}\n\n")), "{squash}");
    }
}
