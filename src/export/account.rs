//! All that is told of one run. Every form and the report are made of this, and of nothing else.
//!
//! Times are RFC 3339 in UTC with milliseconds; durations are milliseconds; costs US dollars. What is absent is not known.

use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Ending, Outcome, Persona};
use crate::domain::finding::Finding;
use crate::domain::gate::GateId;
use crate::domain::id::{RunId, TaskId};
use crate::domain::merging::Merging;
use crate::domain::review::by_person::PersonReview;
use crate::domain::review::deciding;
use crate::domain::review::report::Pass;
use crate::domain::run::RunStatus;
use crate::domain::task::{BUILT_IN, TaskState};
use crate::domain::time::Time;
use crate::domain::tree_check::TreeCheck;
use crate::domain::usage::Usage;
use crate::domain::worktree::Base;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Of the JSON form; grows when a field changes its meaning or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// All that is told of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub schema_version: u32,
    pub run: RunAccount,
    /// In the order of the workflow.
    pub tasks: Vec<TaskAccount>,
    /// Decisions of persons, in the order in which they were asked for.
    pub gates: Vec<GateAccount>,
    /// What was brought back to branches, or was not, in the order in which that happened.
    pub merges: Vec<MergeAccount>,
    /// Reviews that persons handed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub person_reviews: Vec<PersonReview>,
    /// What was decided about findings, the last decision about each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<DecisionAccount>,
    /// What could not be told, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The run as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunAccount {
    pub id: RunId,
    /// As short as it is unique in its store.
    pub short: String,
    pub goal: String,
    pub team: String,
    pub workflow: String,
    pub status: RunStatus,
    pub created_at: Time,
    /// When its first attempt began.
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// When something happened last.
    pub last_at: Time,
    /// Wall time for which crew worked on it.
    pub worked_millis: u64,
    /// Of the crew that made it.
    pub crew_version: String,
    /// What the work began from; absent where no task has a work tree of its own.
    pub base: Option<Base>,
    /// What it reviews, in words; absent where it is no review.
    pub reviews: Option<String>,
    /// Who its agents are, by the names that tasks have for them: the system prompt of each, whole, and its tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub personas: BTreeMap<String, Persona>,
    /// Its variables, which its commands get too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, String>,
    /// How many tasks are in each state that any is in.
    pub counts: Vec<(TaskState, usize)>,
    pub attempts: usize,
    /// Of all attempts and of agents that resolved conflicts.
    pub usage: Usage,
    pub events: usize,
}

/// What kind of work a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    Agent,
    Command,
    /// crew brings the work of other tasks back.
    Merge,
}

/// One task with all that became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskAccount {
    pub id: TaskId,
    pub work: WorkKind,
    pub role: String,
    /// The program that works on it: `claude`, `sh` for a command.
    pub agent: String,
    pub model: Option<String>,
    /// Who the agent is: one of the run's personas. Absent where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// Whether the agent may change files. Absent where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_write: Option<bool>,
    /// What it was to do: the task's words, a command, or the branch that it merges into.
    pub asked: Text,
    pub depends_on: Vec<TaskId>,
    /// The task whose work it reviews.
    pub reviews: Option<TaskId>,
    /// The reviewer's name and what became of its pass, where it is a reviewer's.
    pub reviewer: Option<String>,
    pub pass: Option<Pass>,
    /// Commands that crew runs after the submission.
    pub verify: Vec<String>,
    pub state: TaskState,
    pub reason: String,
    pub error_kind: Option<ErrorKind>,
    /// From the first attempt's start to the last one's end.
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// Of all its attempts.
    pub usage: Usage,
    pub attempts: Vec<AttemptAccount>,
    /// What happened between its attempts.
    pub turns: Vec<Turn>,
    pub dead_letter: Option<DeadLetterAccount>,
    /// Its own branch; absent where it worked in the shared folder.
    pub tree: Option<TreeAccount>,
    /// What it changed; absent where it has no branch, where its work is gone, and where no diffs are asked for.
    pub diff: Option<DiffAccount>,
    /// The branches that hold its work.
    pub merged_into: Vec<String>,
}

/// One child process working on a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptAccount {
    /// From 1.
    pub number: u32,
    pub agent: String,
    pub model: Option<String>,
    /// `starting`, `running`, `verifying`, or how it ended.
    pub state: String,
    /// Absent while it is open.
    pub outcome: Option<Outcome>,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    pub millis: Option<u64>,
    pub error_kind: Option<ErrorKind>,
    /// `transient`, `operator` or `content`.
    pub class: Option<String>,
    pub reason: String,
    /// What there is to do about the error.
    pub hint: Option<String>,
    pub ending: Ending,
    /// How it ended, in words: `exit 1 after 41s`.
    pub ended: Option<String>,
    pub usage: Usage,
    /// The agent's own name of its session.
    pub session: Option<String>,
    pub summary: String,
    pub confidence: Option<f64>,
    pub nudged: bool,
    /// What it handed in, as it is recorded: `{"result": {...}}`, `{"review": {...}}`.
    pub submission: Option<Value>,
    pub findings: Vec<Finding>,
    /// Progress and hypotheses, as recorded.
    pub notes: Vec<NoteAccount>,
    pub refusals: Vec<Refusal>,
    pub verifications: Vec<Verification>,
    /// The end of what the verification commands printed.
    pub verification_output: Option<Text>,
    /// The first calls; how many there were is `tool_calls`.
    pub tools: Vec<ToolCall>,
    pub tool_calls: u64,
    /// What crew saw of the folder before and after.
    pub tree: Option<TreeCheck>,
    pub kept: Vec<Kept>,
    /// Why what it left could not be kept.
    pub unkept: Option<String>,
    pub prompt: Option<Text>,
    /// Its result as text.
    pub result: Option<Text>,
    /// The end of its log.
    pub log: Option<Text>,
    /// Why and from when on the task was tried again after it.
    pub again: Option<Again>,
    /// Why it was not.
    pub not_again: Option<String>,
}

impl AttemptAccount {
    /// Tells whether it ended in another way than it was to, and the task was tried again.
    pub fn is_retried(&self) -> bool {
        self.again.is_some()
    }
}

/// A text, of which not all may be there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub text: String,
    /// Of the whole, in its file.
    pub bytes: u64,
    /// Not all of it is here. Of logs the end is, of all else the beginning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Where the whole lies, relative to the run's folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// Something that an agent said on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoteAccount {
    pub at: Time,
    /// `progress` or `hypothesis`.
    pub kind: String,
    pub words: String,
}

/// A submission that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub at: Time,
    pub code: String,
    pub reason: String,
}

/// A verification command that crew ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    pub at: Time,
    pub command: String,
    pub passed: bool,
    pub ending: Ending,
    /// In words.
    pub ended: String,
    /// It was not run: it had passed before on the same tree.
    pub cached: bool,
}

/// A tool call that came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// When it came back.
    pub at: Time,
    pub tool: String,
    pub arguments: String,
    /// `ok`, `error` or `denied`.
    pub result: crate::domain::event::ToolResult,
    pub millis: u64,
}

/// What was kept of an attempt's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub commit: String,
    pub reference: String,
    pub files: u64,
    pub insertions: u64,
    pub deletions: u64,
}

/// When and why a task was tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    pub reason: String,
    pub not_before: Time,
}

/// Something that happened to a task between two attempts: it was requeued, given up, accepted, skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub at: Time,
    /// After how many attempts.
    pub after: usize,
    /// The event's kind: `task_requeued`.
    pub kind: String,
    pub words: String,
}

/// A task that was given up, and nobody has put it back since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterAccount {
    pub at: Time,
    pub why: String,
    pub by: String,
    pub note: String,
    pub last_error: String,
    pub tail: String,
}

/// A task's own branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeAccount {
    pub branch: String,
    pub base: String,
    /// The newest commit of its work; absent before the first.
    pub tip: Option<String>,
    /// The tasks whose work it begins from.
    pub from: Vec<TaskId>,
}

/// What a task changed, from the commit that it began from on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffAccount {
    pub from: String,
    /// A commit, or a tree where some of it is in none.
    pub to: String,
    /// The first of them; how many there are is `changed`.
    pub files: Vec<FileAccount>,
    pub changed: usize,
    pub insertions: u64,
    pub deletions: u64,
    /// Files that are in no commit.
    pub uncommitted: usize,
    /// Without secrets, so it may not apply.
    pub patch: Text,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One file of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAccount {
    pub path: String,
    /// What it was called before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `added`, `modified`, `deleted`, `renamed`, `copied` or `type_changed`.
    pub change: String,
    /// Absent for binary files.
    pub insertions: Option<u64>,
    pub deletions: Option<u64>,
}

/// A decision that a person had to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAccount {
    pub id: GateId,
    pub task: TaskId,
    pub attempt: Option<u32>,
    /// `start`, `result`, `plan` or `question`.
    pub about: String,
    pub words: String,
    pub opened_at: Time,
    pub expires_at: Option<Time>,
    pub decided: Option<GateDecision>,
}

/// How a gate was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateDecision {
    /// `approved`, `rejected`, `sent_back`, `answered`, `expired` or `cancelled`.
    pub decision: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    pub by: String,
    pub note: String,
    pub at: Time,
}

/// What happened when work was brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MergeAccount {
    Merged {
        at: Time,
        #[serde(flatten)]
        merging: Merging,
    },
    GivenUp {
        at: Time,
        into: String,
        why: String,
    },
    ConflictGiven {
        at: Time,
        task: TaskId,
        number: u32,
        agent: String,
        files: Vec<String>,
        into: String,
    },
    ConflictResolved {
        at: Time,
        task: TaskId,
        number: u32,
        agent: String,
    },
    ConflictLeft {
        at: Time,
        task: TaskId,
        number: u32,
        agent: String,
        reasons: Vec<String>,
    },
}

/// What was decided about a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionAccount {
    pub fingerprint: String,
    #[serde(flatten)]
    pub decided: deciding::Decided,
}

impl TaskAccount {
    /// Tells whether it spent money and tokens: a command and the built-in agent do not, nor does what never began.
    pub fn is_paid(&self) -> bool {
        self.work == WorkKind::Agent && self.agent != BUILT_IN && !self.attempts.is_empty()
    }
}

impl Account {
    /// Names the agents that tell tokens and no price.
    pub fn without_price(&self) -> Option<String> {
        let attempts = self.tasks.iter().flat_map(|task| &task.attempts);
        let silent =
            attempts.filter(|attempt| attempt.usage.cost_usd.is_none() && attempt.usage.tokens().is_some());
        let names: BTreeSet<&str> = silent.map(|attempt| attempt.agent.as_str()).collect();
        (!names.is_empty()).then(|| names.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Returns a task by its name.
    pub fn task(&self, id: &TaskId) -> Option<&TaskAccount> {
        self.tasks.iter().find(|task| task.id == *id)
    }
}
