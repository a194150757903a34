//! Where a task works that has a folder of its own, and what its work begins from.

use super::id::{RunId, TaskId};
use super::publishing::in_shell;
use super::run::Run;
use super::task::{Attempt, AttemptState, Task, TaskSpec, TaskState};
use serde::{Deserialize, Serialize};

/// What the work of a run begins from, fixed when the run is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Id of a commit.
    pub commit: String,
    /// The branch that was checked out: `main`; none where HEAD was detached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit is crew's own and holds what was not committed then; its parent is what HEAD stood for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
}

/// A task's own work tree, as far as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskTree {
    /// Relative to the repository where it lies in it, else absolute.
    pub path: String,
    /// `crew/RUN/TASK`.
    pub branch: String,
    /// Id of the commit that the work began from.
    pub base: String,
    /// The tasks whose work that commit holds, beside what the run began from; the nearest ones.
    pub from: Vec<TaskId>,
    /// Id of the newest commit that crew has made, or taken over from the agent, on the branch; none before the first.
    pub tip: Option<String>,
    /// Submodules in whose folders files lay, when it was last kept, that are in no commit of theirs. They are held beside
    /// the branch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub astray: Vec<String>,
    /// Why not all of its work could be kept the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unkept: Option<String>,
    /// The folder has been taken away.
    pub removed: bool,
}

impl TaskTree {
    /// Returns the id of the commit that holds all of the task's work so far.
    pub fn head(&self) -> &str {
        self.tip.as_deref().unwrap_or(&self.base)
    }

    /// Tells whether its branch holds something that it did not begin with.
    pub fn has_work(&self) -> bool {
        self.tip.as_ref().is_some_and(|tip| *tip != self.base)
    }
}

/// A reference that came to hold commits which an attempt made in its own work tree, while that was going on; or one that
/// did not hold any more, after it, what it had held. Of an attempt that may only look, also one that was moved forward.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedReference {
    /// `refs/heads/main`.
    pub reference: String,
    /// Id of what it stood for before; none where there was no such reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Empty where there is no such reference any more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// It does not hold what it held before, and nothing of the attempt's either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// It still holds what it held before, and nothing of the attempt's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forward: bool,
    /// By the log of another work tree's HEAD somebody came there meanwhile to what it stands for now, as whoever commits
    /// or rebases there does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// Crew's own reference that holds what no other does any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

impl MovedReference {
    /// Tells whether it was moved from somebody's work to that of the attempt. One that is new takes nobody's work out of
    /// their hands; one that was only deleted or set back has nothing unverified.
    fn is_strayed(&self) -> bool {
        self.from.is_some() && !self.lost && !self.forward
    }

    /// Tells whether it counts against somebody who may change nothing, and was at work meanwhile. Crew takes branches of
    /// its own away whenever somebody asks it to.
    pub fn is_trespass(&self) -> bool {
        self.from.is_some() && !self.elsewhere && !self.reference.starts_with("refs/heads/crew/")
    }

    /// Says what became of it.
    pub fn deed(&self) -> String {
        let MovedReference { reference, from, to, .. } = self;
        let short = |id: &str| id.chars().take(7).collect::<String>();
        let Some(from) = from else { return format!("{reference} is new, at {}", short(to)) };
        let went = || format!("{} -> {}", short(from), short(to));
        match (self.lost, to.as_str()) {
            (true, "") => format!("{reference} is gone, it stood at {}", short(from)),
            (true, _) => format!("{reference} was set back or replaced, {}", went()),
            (false, _) if self.forward => format!("{reference} was moved forward, {}", went()),
            (false, _) => format!("{reference} was moved to its unverified work, {}", went()),
        }
    }

    /// Returns the command that sets it back, where nobody has moved it since.
    pub fn back(&self) -> String {
        let MovedReference { reference, from, to, .. } = self;
        let git = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
            in_shell("git", &arguments)
        };
        match (from, to.as_str()) {
            (None, to) => git(&["update-ref", "-d", reference, to]),
            // What is gone is only put back where nobody has made it anew.
            (Some(from), "") => format!("{} \"\"", git(&["update-ref", reference, from])),
            (Some(from), to) => git(&["update-ref", reference, from, to]),
        }
    }

    /// Says what was moved, and how that is set back.
    pub fn words(&self) -> String {
        if self.from.is_none() {
            return self.deed();
        }
        let held = self.held.as_ref().map(|held| format!(", kept at {held}")).unwrap_or_default();
        format!("{}{held}; back: {}", self.deed(), self.back())
    }
}

/// Takes the name of a task's branch apart: `refs/heads/crew/RUN/TASK`.
pub fn branch_named(reference: &str) -> Option<(RunId, &str)> {
    let (run, task) = reference.strip_prefix("refs/heads/crew/")?.split_once('/')?;
    Some((RunId::parse(run)?, task))
}

/// Tells whether it is crew that took a task's branch away, or set it to what it stands for now: `moved` says what is seen of
/// it, and the record of its run what crew did. `is_taken_away` says that the removal of the branch is recorded.
pub fn is_own_doing(task: &Task, moved: &MovedReference, is_taken_away: bool) -> bool {
    let is_at_work = |last: &Attempt| matches!(last.state, AttemptState::Running | AttemptState::Verifying);
    match moved.to.as_str() {
        // That of who only looks goes after each attempt, before the record says so.
        "" if task.spec.is_detached() => !task.last().is_some_and(is_at_work),
        "" => is_taken_away,
        to => task.tree.as_ref().is_some_and(|tree| tree.head() == to),
    }
}

/// Says what stands against an attempt that moved these references; nothing where none of them holds its work instead of
/// what it held before.
pub fn strayed(moved: &[MovedReference]) -> Option<String> {
    let words: Vec<String> =
        moved.iter().filter(|moved| moved.is_strayed()).map(MovedReference::words).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Says what stands against an attempt at a task that moved these references. Of what was deleted or set back nobody knows
/// who did it; a reviewer's word is only worth something where it is certain that it changed nothing.
pub fn against(spec: &TaskSpec, moved: &[MovedReference]) -> Option<String> {
    if !spec.is_detached() {
        return strayed(moved);
    }
    let words: Vec<String> =
        moved.iter().filter(|moved| moved.is_trespass()).map(MovedReference::words).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// Returns how a reference came to hold what an attempt made, the newest move of it.
pub fn strayed_into<'m>(
    moved: impl Iterator<Item = &'m MovedReference>,
    reference: &str,
) -> Option<&'m MovedReference> {
    let mut moved = moved.filter(|moved| moved.is_strayed());
    moved.find(|moved| moved.reference == reference)
}

/// Returns the commits that the work of a task builds on, with the tasks they are of, the nearest ones, in the order in
/// which it names them. Where there are none, it begins from what the run begins from.
///
/// What did not complete is not built on, although those that depend on it may go on. A task without a work tree of its
/// own has no commit; what it depends on stands in for it.
pub fn beginnings(run: &Run, place: usize) -> Vec<(TaskId, String)> {
    let mut found: Vec<(TaskId, String)> = Vec::new();
    let mut looked = vec![false; run.tasks.len()];
    let mut ahead: Vec<usize> = vec![place];
    while let Some(at) = ahead.pop() {
        let before = run.tasks[at].spec.depends_on.iter().rev().filter_map(|id| run.place(id));
        let task = &run.tasks[at];
        let tree = task.tree.as_ref().filter(|_| at != place && task.state == TaskState::Completed);
        match tree {
            Some(tree) => found.push((task.spec.id.clone(), tree.head().to_owned())),
            None => ahead.extend(before.filter(|at| !std::mem::replace(&mut looked[*at], true))),
        }
    }
    found
}

/// Returns the name of a task's branch. Ids are never cut: two tasks never share a branch.
pub fn branch_of(run: &RunId, task: &TaskId) -> String {
    format!("crew/{run}/{task}")
}

/// Returns the reference of a branch.
pub fn reference_of(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// Returns the reference at which an attempt's work is kept that is on no branch.
pub fn keep_ref(run: &RunId, task: &TaskId, attempt: u32) -> String {
    format!("refs/crew/keep/{run}/{task}/{attempt}")
}

/// Returns the reference of the commit that holds what was not committed when a run was made. It lies beside the kept
/// work, where no task's name is in its way.
pub fn base_ref(run: &RunId) -> String {
    format!("refs/crew/base/{run}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::tests::{run_of, spec};

    #[test]
    fn a_branch_holds_work_once_it_has_left_its_base() {
        let (base, tip) = ("a".to_owned(), Some("b".to_owned()));
        let tree = TaskTree {
            path: "p".into(),
            branch: "b".into(),
            base,
            from: vec![],
            tip,
            astray: vec![],
            unkept: None,
            removed: false,
        };
        assert!(tree.has_work() && tree.head() == "b");
        let unmoved = TaskTree { tip: Some("a".into()), ..tree.clone() };
        assert!(!unmoved.has_work() && unmoved.head() == "a");
        let begun = TaskTree { tip: None, ..tree };
        assert!(!begun.has_work() && begun.head() == "a");
    }

    #[test]
    fn what_crew_did_to_a_branch_is_told_from_what_somebody_else_did_by_the_record() {
        use crate::domain::review::target::Reviews;
        use crate::domain::run::tests::{agent_spec, started};
        use crate::domain::time::Time;
        let id = RunId::from_random(1);
        let reference = reference_of(&format!("crew/{id}/a"));
        assert_eq!(branch_named(&reference), Some((id, "a")));
        assert_eq!(branch_named("refs/heads/crew/a"), None);
        assert_eq!(branch_named("refs/heads/main"), None);
        let mut looks = agent_spec("b", "pi");
        looks.reviews = Some(Reviews::default());
        let mut run = run_of(vec![agent_spec("a", "pi"), looks]);
        let lost = |to: &str| {
            let (reference, from) = (reference.clone(), Some("c".into()));
            MovedReference {
                reference,
                from,
                to: to.into(),
                lost: true,
                forward: false,
                elsewhere: false,
                held: None,
            }
        };
        let (path, branch, base, from, tip) = ("p".into(), "b".into(), "c".into(), vec![], Some("d".into()));
        let tree = TaskTree { path, branch, base, from, tip, astray: vec![], unkept: None, removed: false };
        run.tasks[0].tree = Some(Box::new(tree));
        let is_own =
            |run: &Run, place: usize, to: &str, away| is_own_doing(&run.tasks[place], &lost(to), away);
        assert!(is_own(&run, 0, "d", false) && !is_own(&run, 0, "c", false));
        assert!(is_own(&run, 0, "", true) && !is_own(&run, 0, "", false));
        assert!(is_own(&run, 1, "", false));
        run.apply(Time(3), &started("b", 1)).unwrap();
        assert!(is_own(&run, 1, "", false), "its place is still being made");
        run.tasks[1].attempts[0].state = AttemptState::Running;
        assert!(!is_own(&run, 1, "", true));
    }

    #[test]
    fn what_completed_is_built_on_and_what_stands_between_is_looked_through() {
        let mut run = run_of(vec![
            spec("a", &[]),
            spec("failed", &["a"]),
            spec("plain", &["a"]),
            spec("b", &[]),
            spec("end", &["failed", "b", "plain"]),
        ]);
        let tree = |tip: Option<&str>| {
            let tip = tip.map(str::to_owned);
            Some(Box::new(TaskTree {
                path: "p".into(),
                branch: "b".into(),
                base: "base".into(),
                from: vec![],
                tip,
                astray: vec![],
                unkept: None,
                removed: false,
            }))
        };
        for (place, state, tip) in [
            (0, TaskState::Completed, tree(Some("tip-a"))),
            (1, TaskState::Failed, tree(Some("half"))),
            (2, TaskState::Completed, None),
            (3, TaskState::Completed, tree(None)),
        ] {
            (run.tasks[place].state, run.tasks[place].tree) = (state, tip);
        }
        let named: Vec<(String, String)> =
            beginnings(&run, 4).into_iter().map(|(task, tip)| (task.to_string(), tip)).collect();
        assert_eq!(named, [("a".into(), "tip-a".into()), ("b".to_owned(), "base".to_owned())]);
        assert_eq!(beginnings(&run, 0), []);
    }

    #[test]
    fn no_task_is_in_the_way_of_another_ones_references() {
        let run = RunId::parse("7k2aaaaaaaaa").unwrap();
        let task = |name| TaskId::parse(name).unwrap();
        assert_eq!(branch_of(&run, &task("fix")), "crew/7k2aaaaaaaaa/fix");
        assert!(!keep_ref(&run, &task("base"), 1).starts_with(&format!("{}/", base_ref(&run))));
    }
}
