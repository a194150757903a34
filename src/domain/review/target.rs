//! What a review is about: two exact commits, and by what the next version of the same thing is known.

use super::judging::Bar;
use crate::domain::finding::Severity;
use crate::domain::id::{RunId, TaskId};
use crate::domain::run::Run;
use crate::domain::task::Task;
use serde::{Deserialize, Serialize};

/// What kind of thing is reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// From one commit to another.
    Range,
    /// What is staged.
    Index,
    /// What is not committed, untracked files too.
    Worktree,
    /// The work of a task.
    Task,
    PullRequest,
}

/// What is reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewTarget {
    pub kind: TargetKind,
    /// In words, cleaned: `origin/main...feature`.
    pub words: String,
    /// By what the next version of the same thing is known: `range:refs/heads/feature`, `index`, `worktree`,
    /// `task:RUN/TASK`, `pr:12`.
    pub key: String,
    /// Id of the commit that is compared with, or of the empty tree.
    pub base: String,
    /// Id of the commit that is reviewed. Of what is not committed, crew makes one.
    pub head: String,
    /// Id of that commit's tree: what is not committed gets another commit each time. Empty for a task's work.
    pub tree: String,
}

impl ReviewTarget {
    /// Returns by what this very version of the thing is known.
    pub fn version(&self) -> String {
        match self.kind {
            TargetKind::Index | TargetKind::Worktree => format!("{}..{}", self.base, self.tree),
            TargetKind::Range | TargetKind::Task | TargetKind::PullRequest => {
                format!("{}..{}", self.base, self.head)
            }
        }
    }
}

/// How much a change changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSize {
    pub files: u64,
    /// Lines added and removed.
    pub added: u64,
    pub removed: u64,
}

/// What makes a run a review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewOrder {
    pub target: ReviewTarget,
    /// How much changed.
    pub change: ChangeSize,
    /// What it is judged by, where nobody says otherwise.
    #[serde(default)]
    pub bar: Bar,
    /// Passes of earlier reviews of the same version that count for this one too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answered: Vec<(RunId, TaskId)>,
    /// What was approved before is reviewed once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// What makes a task a reviewer's pass over exact commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviews {
    /// The reviewer, as people name it: `claude`, `claude:security`, a name from the settings. Empty where a workflow's step
    /// does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The task of the same run whose work is reviewed, once it has left some; without, or before that, what the run is a
    /// review of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// How often that task is sent back at most, with what was found.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounds: u32,
    /// What is as grave as this asks for changes; without, an error does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
    /// The fingerprints that were dismissed when the run began: they begin no round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiet: Vec<String>,
}

impl Run {
    /// Returns what a reviewer's task is about, as things stand: the newest work of the task that it reviews, or what the run
    /// is a review of.
    pub fn target_of(&self, task: &Task) -> Option<ReviewTarget> {
        let reviews = task.spec.reviews.as_ref()?;
        let of_run = self.review.as_ref().map(|review| &review.target);
        let worked = reviews.task.as_ref().and_then(|id| self.task(id));
        let Some((worked, tree)) = worked.and_then(|task| Some((task, task.tree.as_ref()?))) else {
            return of_run.cloned();
        };
        let id = &worked.spec.id;
        // Who goes on from what is reviewed adds to it: all of that together is what has to be approved.
        let base = of_run.filter(|target| target.head == tree.base).map(|target| &target.base);
        Some(ReviewTarget {
            kind: TargetKind::Task,
            words: format!("the work of {id}"),
            key: format!("task:{}/{id}", self.id),
            base: base.unwrap_or(&tree.base).clone(),
            head: tree.head().to_owned(),
            tree: String::new(),
        })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::tests::{agent_spec, run_of};
    use crate::domain::worktree::TaskTree;

    fn target(base: &str, head: &str) -> ReviewTarget {
        let (words, key, tree) = ("a..b".into(), "range:b".into(), "t".into());
        ReviewTarget { kind: TargetKind::Range, words, key, base: base.into(), head: head.into(), tree }
    }

    fn tree(base: &str, tip: Option<&str>) -> Option<Box<TaskTree>> {
        Some(Box::new(TaskTree {
            path: "p".into(),
            branch: "b".into(),
            base: base.into(),
            from: vec![],
            tip: tip.map(str::to_owned),
            astray: vec![],
            unkept: None,
            removed: true,
        }))
    }

    /// A run with a task that works and one that reviews it.
    fn run(order: Option<ReviewTarget>) -> Run {
        let mut reviewer = agent_spec("review", "claude");
        reviewer.reviews = Some(Reviews { task: TaskId::parse("fix"), ..Reviews::default() });
        let mut run = run_of(vec![agent_spec("fix", "claude"), reviewer]);
        let change = ChangeSize::default();
        run.review = order.map(|target| {
            Box::new(ReviewOrder { target, change, bar: Bar::default(), answered: vec![], again: false })
        });
        run
    }

    fn commits(run: &Run, place: usize) -> Option<(String, String)> {
        run.target_of(&run.tasks[place]).map(|target| (target.base, target.head))
    }

    #[test]
    fn the_newest_work_of_a_task_is_reviewed_and_before_there_is_any_what_the_run_is_a_review_of() {
        let pair = |base: &str, head: &str| Some((base.to_owned(), head.to_owned()));
        let mut review = run(Some(target("a", "b")));
        assert_eq!((commits(&review, 1), commits(&review, 0)), (pair("a", "b"), None));
        review.tasks[0].tree = tree("b", None);
        assert_eq!(commits(&review, 1), pair("a", "b"));
        // What was done since is reviewed together with what was there before.
        review.tasks[0].tree = tree("b", Some("c"));
        assert_eq!(commits(&review, 1), pair("a", "c"));
        let named = review.target_of(&review.tasks[1]).map(|target| (target.kind, target.words));
        assert_eq!(named, Some((TargetKind::Task, "the work of fix".to_owned())));
        let mut workflow = run(None);
        assert_eq!(commits(&workflow, 1), None);
        workflow.tasks[0].tree = tree("a", Some("c"));
        assert_eq!(commits(&workflow, 1), pair("a", "c"));
    }

    #[test]
    fn a_reviewer_is_apart_whatever_its_step_says_but_for_the_built_in_one() {
        let mut spec = agent_spec("review", "claude");
        assert!(!spec.is_apart() && !spec.is_detached() && !spec.reads_objects());
        spec.reviews = Some(Reviews::default());
        assert!(spec.is_apart() && spec.is_detached() && !spec.reads_objects());
        let built_in = crate::domain::task::TaskSpec {
            worktree: true,
            reviews: spec.reviews,
            ..agent_spec("r", "builtin")
        };
        assert!(!built_in.is_apart() && !built_in.is_detached() && built_in.reads_objects());
    }
}
