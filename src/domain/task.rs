//! One node of a run's graph: what it is, where it stands, which moves are legal.

use super::budget::Limits;
use super::dead_letter::DeadLetter;
use super::error_kind::ErrorKind;
use super::event::{Ending, Limited, Outcome, ProcessId};
use super::gate::{GateId, PersonWord, StepGates};
use super::id::TaskId;
use super::merging::{How, Landed};
use super::request::Code;
use super::result_files::ResultFile;
use super::review::rounds::Round;
use super::review::target::Reviews;
use super::submission::{Field, HandedIn, Note, ReviewBody};
use super::time::Time;
use super::tree_check::TreeCheck;
use super::usage::Usage;
use super::when::When;
use super::worktree::{MovedReference, TaskTree, reference_of, strayed_into};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a task is, fixed when the run is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    pub id: TaskId,
    pub work: Work,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<TaskId>,
    /// Commands that crew runs after the submission; all have to exit with 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// Wall time of an attempt, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_millis: Option<u64>,
    /// Further attempts that the step asks for; `None` leaves it to the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Milliseconds before the second attempt; `None` leaves it to the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_millis: Option<u64>,
    /// Those that depend on it go on, and the run can complete, although this one fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continue_on_error: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Less confidence than this needs a person's review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The name under which other steps read its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
    /// When a person has to decide, whatever the settings say.
    #[serde(default, skip_serializing_if = "StepGates::is_none")]
    pub gates: StepGates,
    /// What it does, by the name that the settings know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Where it does that: `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What its result has to hold beside the fields that every result has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// What all its attempts together may use up.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub budget: Limits,
    /// Globs of what it may change; empty where the step does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<String>,
    /// It works in a work tree of its own, on a branch of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub worktree: bool,
    /// Folders of the user's tree that are linked into its work tree: `node_modules`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link: Vec<String>,
    /// It is a reviewer's pass over exact commits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviews: Option<Reviews>,
    /// It waits until a review asks for it; where none does, it is not done. Others do not wait for it until then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_request: bool,
}

impl TaskSpec {
    /// Returns what a step says that tells nothing but its name and its work.
    pub fn plain(id: TaskId, work: Work) -> TaskSpec {
        TaskSpec {
            id,
            work,
            depends_on: Vec::new(),
            verify: Vec::new(),
            timeout_millis: None,
            retries: None,
            backoff_millis: None,
            continue_on_error: false,
            when: None,
            confidence: None,
            output: None,
            reads: Vec::new(),
            gates: StepGates::default(),
            action: None,
            environment: None,
            fields: Vec::new(),
            budget: Limits::default(),
            writes: Vec::new(),
            worktree: false,
            link: Vec::new(),
            reviews: None,
            on_request: false,
        }
    }

    /// Returns the tasks that come before it: those it depends on, and the one that it reviews.
    pub fn waits_on(&self) -> impl Iterator<Item = &TaskId> {
        let reviewed = self.reviews.as_ref().and_then(|reviews| reviews.task.as_ref());
        self.depends_on.iter().chain(reviewed.filter(|task| !self.depends_on.contains(task)))
    }
}

/// The name of the agent that ships inside the binary.
pub const BUILT_IN: &str = "builtin";

/// Who does a task, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A command step, run by a shell.
    Command { run: String },
    Agent {
        role: String,
        /// The program: `claude`, `builtin`, a name from the settings.
        program: String,
        /// The agent file that says who it is.
        persona: String,
        /// What to do, with `{goal}` and variables filled in.
        task: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Models to go on with, in order, where one is not available.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        fallback_models: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thinking: Option<String>,
        /// May it change files?
        writes: bool,
        /// An exit without a submission is good enough.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        submit_optional: bool,
    },
    /// crew itself brings the work of the other tasks back, at the end of the run.
    Merge {
        /// The branch: `main`.
        into: String,
        how: How,
    },
}

impl TaskSpec {
    /// Returns the role, or `command` for a command step.
    pub fn role(&self) -> &str {
        match &self.work {
            Work::Command { .. } => "command",
            Work::Agent { role, .. } => role,
            Work::Merge { .. } => "merge",
        }
    }

    /// Returns the reviewer's name, where it is a reviewer's pass: `claude`, `claude:security`.
    pub fn reviewer(&self) -> Option<String> {
        let reviews = self.reviews.as_ref()?;
        Some(match (reviews.name.as_str(), self.role()) {
            ("", "security-reviewer") => format!("{}:security", self.program()),
            ("", _) => self.program().to_owned(),
            (name, _) => name.to_owned(),
        })
    }

    /// Tells whether it may change files.
    pub fn writes(&self) -> bool {
        !matches!(&self.work, Work::Agent { writes: false, .. })
    }

    /// Tells whether it spends money and tokens: a command and the built-in agent do not.
    pub fn is_paid(&self) -> bool {
        matches!(&self.work, Work::Agent { program, .. } if program != BUILT_IN)
    }

    /// Tells whether it works in a work tree of its own. A reviewer of exact commits always does, but for the built-in one,
    /// which needs no files.
    pub fn is_apart(&self) -> bool {
        match self.reviews {
            Some(_) => self.program() != BUILT_IN,
            None => self.worktree,
        }
    }

    /// Tells whether its own work tree is there to be looked at: HEAD stands for what is reviewed, and each attempt gets a
    /// new one.
    pub fn is_detached(&self) -> bool {
        self.reviews.is_some() && self.is_apart()
    }

    /// Tells whether it reads nothing but git's objects, and writes nothing.
    pub fn reads_objects(&self) -> bool {
        self.reviews.is_some() && !self.is_apart()
    }

    /// Tells whether an agent works on it.
    pub fn is_for_agent(&self) -> bool {
        matches!(self.work, Work::Agent { .. })
    }

    /// Returns the program that works on it, or `sh` for a command step.
    pub fn program(&self) -> &str {
        match &self.work {
            Work::Command { .. } => "sh",
            Work::Agent { program, .. } => program,
            Work::Merge { .. } => "git",
        }
    }

    /// Returns what it does, for the policy of gates: what the step says, else what its kind of work is.
    pub fn action(&self) -> &str {
        match (&self.action, &self.work) {
            (Some(action), _) => action,
            (None, Work::Command { .. }) => "run",
            (None, Work::Agent { writes: true, .. }) => "edit",
            (None, Work::Agent { .. }) => "read",
            (None, Work::Merge { .. }) => "merge",
        }
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    Queued,
    Running,
    AwaitingInput,
    Completed,
    Failed,
    NeedsReview,
    Skipped,
    Cancelled,
}

impl TaskState {
    /// Every state.
    pub const ALL: [TaskState; 8] = [
        TaskState::Queued,
        TaskState::Running,
        TaskState::AwaitingInput,
        TaskState::Completed,
        TaskState::Failed,
        TaskState::NeedsReview,
        TaskState::Skipped,
        TaskState::Cancelled,
    ];

    /// Returns the word used in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            TaskState::Queued => "queued",
            TaskState::Running => "running",
            TaskState::AwaitingInput => "awaiting_input",
            TaskState::Completed => "completed",
            TaskState::Failed => "failed",
            TaskState::NeedsReview => "needs_review",
            TaskState::Skipped => "skipped",
            TaskState::Cancelled => "cancelled",
        }
    }

    /// Takes the word that `name` returns.
    pub fn parse(name: &str) -> Option<TaskState> {
        TaskState::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Tells whether nothing more happens to the task unless a person asks for it. The only place that says so.
    pub fn is_settled(self) -> bool {
        match self {
            TaskState::Queued | TaskState::Running | TaskState::AwaitingInput => false,
            TaskState::Completed
            | TaskState::Failed
            | TaskState::NeedsReview
            | TaskState::Skipped
            | TaskState::Cancelled => true,
        }
    }

    /// Tells whether a task may go from this state to `next`. A completed one goes back to the queue too,
    /// by `review_round_begun` alone, or by a `task_requeued` of a person who sends on what a review found.
    pub fn may_become(self, next: TaskState) -> bool {
        use TaskState::*;
        match self {
            Queued => matches!(next, Running | AwaitingInput | Skipped | Cancelled | Failed),
            Running => matches!(next, AwaitingInput | Completed | Failed | NeedsReview | Queued | Cancelled),
            AwaitingInput => matches!(next, Queued | Completed | Failed | NeedsReview | Cancelled),
            NeedsReview => matches!(next, Completed | Queued),
            Failed | Skipped | Cancelled => matches!(next, Queued),
            Completed => false,
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptState {
    Starting,
    Running,
    /// The child has ended; crew checks its work.
    Verifying,
    Ended(Outcome),
}

impl AttemptState {
    /// Returns the word used in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            AttemptState::Starting => "starting",
            AttemptState::Running => "running",
            AttemptState::Verifying => "verifying",
            AttemptState::Ended(outcome) => outcome.name(),
        }
    }
}

impl Outcome {
    /// Returns the word used in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::NeedsReview => "needs_review",
            Outcome::Cancelled => "cancelled",
            Outcome::Lost => "lost",
        }
    }

    /// Returns the state in which such an end leaves a task that is not tried again.
    pub fn settles_as(self) -> TaskState {
        match self {
            Outcome::Succeeded => TaskState::Completed,
            Outcome::Failed | Outcome::Lost => TaskState::Failed,
            Outcome::NeedsReview => TaskState::NeedsReview,
            Outcome::Cancelled => TaskState::Cancelled,
        }
    }
}

/// Why a submission was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedSubmission {
    pub code: Code,
    pub message: String,
}

/// One child process working on a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    pub state: AttemptState,
    pub agent: String,
    pub model: Option<String>,
    pub token_hash: String,
    pub process: Option<ProcessId>,
    pub session: Option<String>,
    /// What the agent waits for by itself; empty where it works.
    pub waiting: String,
    /// Relative to the run's folder.
    pub log: String,
    /// Where it works, relative to the repository or absolute; none for the repository itself.
    pub folder: Option<String>,
    pub started_at: Time,
    pub ended_at: Option<Time>,
    /// What was handed in; kept while the attempt is open, and in the events and artifacts after that.
    pub submission: Option<Box<HandedIn>>,
    /// What it said on its way, oldest first; at most `MAX_NOTES`.
    pub notes: Vec<Note>,
    /// The last submission that was refused for what it holds.
    pub refusal: Option<RefusedSubmission>,
    /// It has been reminded to hand something in.
    pub nudged: bool,
    /// References that came to hold what it committed in its own work tree.
    pub moved: Vec<MovedReference>,
    /// Why what it left in its own work tree could not be kept; empty where it was.
    pub unkept: String,
    /// It ended so that a person can decide.
    pub paused: bool,
    /// How sure the agent said it is of what it handed in, from 0 to 1.
    pub confidence: Option<f64>,
    /// The files of its result are in the tree.
    pub files_applied: bool,
    /// What it changed, as crew saw it.
    pub tree: Option<Box<TreeCheck>>,
    pub error_kind: Option<ErrorKind>,
    /// It met a limit of its provider.
    pub limited: Option<Limited>,
    pub reason: String,
    pub ending: Ending,
    pub usage: Usage,
    /// Calls of tools that came back.
    pub tool_calls: u64,
    pub summary: String,
    /// It began where the run came from: its agent's session stayed there.
    pub elsewhere: bool,
}

impl Attempt {
    /// Returns the files of its result, where it asks for changes that are not in the tree.
    pub fn files_to_apply(&self) -> Option<&[ResultFile]> {
        let files = self.submission.as_deref()?.files();
        (!self.files_applied && files.iter().any(ResultFile::is_change)).then_some(files)
    }

    /// Returns the folder that it works in.
    pub fn folder(&self, repository: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| repository.to_owned(), |folder| repository.join(folder))
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.state, AttemptState::Ended(_))
    }

    /// Returns how far it said it has come, the last time it did.
    pub fn progress(&self) -> Option<&Note> {
        self.notes.iter().rfind(|note| matches!(note, Note::Progress(_)))
    }
}

/// A task and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub spec: TaskSpec,
    pub state: TaskState,
    /// Grows with each change of the task or one of its attempts.
    pub version: u64,
    pub attempts: Vec<Attempt>,
    /// Why it is where it is, where that needs saying.
    pub reason: String,
    /// Its own `when` was false.
    pub skipped_by_condition: bool,
    /// It was cancelled because another one did not succeed.
    pub given_up_with_others: bool,
    /// Not to be started before this time.
    pub not_before: Option<Time>,
    /// The gate that is open.
    pub waits_for: Option<GateId>,
    /// A person let it start.
    pub may_start: bool,
    /// A person approved its plan.
    pub plan_approved: bool,
    /// How many of its questions in a row took their default, because no person answered.
    pub unanswered: usize,
    /// What persons said to its agent, the oldest first.
    pub words: Vec<PersonWord>,
    /// Why it failed, where that was not its newest attempt's doing.
    pub gate_error: Option<ErrorKind>,
    /// A person wants it not to be done, and who and why: it ends as soon as its attempt has.
    pub cancel: Option<String>,
    /// Its own work tree, once it has one.
    pub tree: Option<Box<TaskTree>>,
    /// The branches that hold its work, the last move last.
    pub landed: Vec<Landed>,
    /// How many attempts it had when a person last put it back to the queue: they use up nothing of its retries and its
    /// models any more.
    pub attempts_before: usize,
    /// When that was.
    pub put_back_at: Option<Time>,
    /// That was because of what a review found in its work.
    pub sent_back: bool,
    /// It was given up, and nobody has put it back or dropped that since.
    pub dead_letter: Option<Box<DeadLetter>>,
    /// The round of a review that it is in; none before the first.
    pub round: Option<Box<Round>>,
    /// Somebody asked for it, where it waits for that.
    pub asked_for: bool,
}

impl Task {
    /// Returns the attempts that were made since a person last put it back to the queue; all of them where nobody did.
    pub fn attempts_of_this_round(&self) -> &[Attempt] {
        self.attempts.get(self.attempts_before..).unwrap_or_default()
    }

    /// Returns the task whose work it reviews.
    pub fn reviewed_task(&self) -> Option<&TaskId> {
        self.spec.reviews.as_ref()?.task.as_ref()
    }

    /// Returns the review that its newest attempt handed in.
    pub fn pass(&self) -> Option<&ReviewBody> {
        match self.last()?.submission.as_deref()? {
            HandedIn::Review(review) => Some(review),
            _ => None,
        }
    }

    /// Returns how many rounds a review has begun of its work.
    pub fn rounds(&self) -> u32 {
        self.round.as_ref().map_or(0, |round| round.number)
    }

    /// Returns the round that it was put back for, until its first attempt of that begins.
    pub fn new_round(&self) -> Option<&Round> {
        self.round.as_deref().filter(|round| round.attempts_before == self.attempts.len())
    }

    /// Tells whether it waits for somebody to ask for it, so that nobody waits for it.
    pub fn is_unasked(&self) -> bool {
        self.spec.on_request && !self.asked_for && self.state == TaskState::Queued
    }

    /// Tells whether all that is on its branch has been merged.
    pub fn is_merged(&self) -> bool {
        let tip = self.tree.as_ref().and_then(|tree| tree.tip.as_ref());
        tip.is_some() && self.landed.last().map(|landed| &landed.tip) == tip
    }

    /// Returns why what its newest attempt left could not be kept, where that is so.
    pub fn unkept(&self) -> Option<&str> {
        match &self.tree {
            Some(tree) => tree.unkept.as_deref(),
            None => self.last().map(|attempt| attempt.unkept.as_str()).filter(|why| !why.is_empty()),
        }
    }

    /// Returns how a branch came to hold its work although nobody had judged that yet, and crew has not merged it there
    /// since; `branch` is `main`.
    pub fn strayed_into(&self, branch: &str) -> Option<&MovedReference> {
        let reference = reference_of(branch);
        if self.landed.iter().any(|landed| landed.into == branch) {
            return None;
        }
        let moved = self.attempts.iter().rev().flat_map(|attempt| &attempt.moved);
        strayed_into(moved, &reference)
    }

    /// Returns why it stands where it does, where that has a kind.
    pub fn error_kind(&self) -> Option<ErrorKind> {
        self.gate_error.or_else(|| self.last()?.error_kind)
    }

    /// Tells whether it can be given up: nothing more happens to it by itself, it is not done, and it was not before.
    pub fn may_be_given_up(&self) -> bool {
        self.state.is_settled() && self.state != TaskState::Completed && self.dead_letter.is_none()
    }

    /// Tells whether its plan has to be approved before it begins.
    pub fn wants_plan(&self) -> bool {
        self.spec.gates.plan && !self.plan_approved
    }

    /// Tells whether its next attempt may change files: a role that writes may not before its plan is approved.
    pub fn may_write(&self) -> bool {
        matches!(self.spec.work, Work::Agent { writes: true, .. }) && !self.wants_plan()
    }

    /// Returns the newest attempt.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Returns the model for the next attempt: the step's, or the first fallback that has not turned out unavailable.
    pub fn next_model(&self) -> Option<&str> {
        let Work::Agent { model, fallback_models, .. } = &self.spec.work else { return None };
        match self.unavailable_models().checked_sub(1) {
            None => model.as_deref(),
            Some(at) => fallback_models.get(at).map(String::as_str).or(model.as_deref()),
        }
    }

    /// Tells whether there is a model to go on with, now that the current attempt's is not available.
    pub fn has_another_model(&self) -> bool {
        let Work::Agent { fallback_models, .. } = &self.spec.work else { return false };
        self.unavailable_models() < fallback_models.len()
    }

    /// Tells whether it has models to go on with, and none of them was available.
    pub fn tried_all_models(&self) -> bool {
        let Work::Agent { fallback_models, .. } = &self.spec.work else { return false };
        !fallback_models.is_empty() && self.unavailable_models() > fallback_models.len()
    }

    fn unavailable_models(&self) -> usize {
        let unavailable = |attempt: &&Attempt| attempt.error_kind == Some(ErrorKind::ModelNotAvailable);
        self.attempts_of_this_round().iter().filter(unavailable).count()
    }

    /// Tells whether tasks that depend on this one may go on.
    pub fn lets_dependents_go(&self) -> bool {
        match self.state {
            // Nobody has asked for it, so nobody builds on it, whatever became of it.
            _ if self.spec.on_request && !self.asked_for => true,
            TaskState::Completed => true,
            TaskState::Failed | TaskState::NeedsReview => self.spec.continue_on_error,
            TaskState::Skipped => self.skipped_by_condition,
            _ => false,
        }
    }
}

/// A task that is being worked on, as people see it between two events.
#[derive(Clone, Debug)]
pub struct Working {
    /// The task's place in the run.
    pub place: usize,
    pub elapsed: Duration,
    /// For how long it has given no sign of life, where that is worth a word.
    pub quiet: Option<Duration>,
    /// The agent's last words or its tool call; for a command the last line of its output.
    pub doing: String,
    pub usage: Usage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_task_leaves_its_state_only_for_the_queue_or_by_acceptance() {
        for from in TaskState::ALL.into_iter().filter(|state| state.is_settled()) {
            for to in TaskState::ALL {
                let explicit = to == TaskState::Queued && from != TaskState::Completed
                    || from == TaskState::NeedsReview && to == TaskState::Completed;
                assert_eq!(from.may_become(to), explicit, "{from} -> {to}");
            }
        }
    }

    #[test]
    fn waiting_for_a_person_is_not_settled() {
        assert!(!TaskState::AwaitingInput.is_settled());
    }
}
