//! What a review is about: two exact commits, and by what the next version of the same thing is known.

use super::judging::Bar;
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
    /// Id of that commit's tree: what is not committed gets another commit each time.
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
}

impl Run {
    /// Returns what a task reviews: the work of another task, once that has left some, else what the run is a review of.
    pub fn target_of(&self, task: &Task) -> Option<ReviewTarget> {
        let reviews = task.spec.reviews.as_ref()?;
        let work = reviews.task.as_ref().and_then(|work| {
            let tree = self.task(work)?.tree.as_ref()?;
            Some((work, tree.base.clone(), tree.tip.clone()?))
        });
        let Some((work, base, head)) = work else {
            return self.review.as_ref().map(|order| order.target.clone());
        };
        Some(ReviewTarget {
            kind: TargetKind::Task,
            words: format!("the work of {work}"),
            key: format!("task:{}/{work}", self.id),
            base,
            tree: String::new(),
            head,
        })
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
