//! Everything that can happen to a run.
//!
//! An event is appended once and never changed; the state of a run is its events replayed (see `run`).

use super::budget::{Level, Limits, What};
use super::conflict::Clash;
use super::dead_letter::Why;
use super::error_kind::ErrorKind;
use super::gate::{About, Decision, GateId};
use super::id::{RunId, TaskId};
use super::imported::Imported;
use super::merging::Merging;
use super::redact::Redactor;
use super::request::Code;
use super::requeue::Asked;
use super::resolution::Sides;
use super::result_files::AppliedFile;
use super::retry::RetryReason;
use super::review::by_person::PersonReview;
use super::review::deciding;
use super::review::target::ReviewOrder;
use super::submission::{HandedIn, Kind, Note};
use super::task::TaskSpec;
use super::time::Time;
use super::trace_context::TraceContext;
use super::tree_check::TreeCheck;
use super::usage::Usage;
use super::worktree::{Base, MovedReference};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// An event with its place in the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Grows over all runs of a repository; never used twice.
    pub seq: i64,
    pub run: RunId,
    pub at: Time,
    #[serde(flatten)]
    pub event: Event,
}

/// Who an agent is, as its file said when the run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Persona {
    pub system_prompt: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<u32>,
}

/// The limits that a run was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunLimits {
    /// Tasks at once.
    pub jobs: u32,
    /// End everything at the first failure.
    pub fail_fast: bool,
    /// What the run may use up, as the user said.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub budget: Limits,
    /// What it may use up as the team's file says.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub team_budget: Limits,
    /// How many agents may write to the folder at once, beside those that read; with 0 one that writes has it to itself.
    #[serde(default, skip_serializing_if = "is_none")]
    pub shared_writers: u32,
}

fn is_none(number: &u32) -> bool {
    *number == 0
}

/// A process, known again after a restart of ours or of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    pub pid: u32,
    /// When it was started, in the system's own units; tells a reused pid apart.
    pub start: u64,
    /// The boot of the machine in which `start` counts.
    pub boot: String,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    Failed,
    NeedsReview,
    Cancelled,
    /// Its crew process died; nobody saw how it ended.
    Lost,
}

/// What the system tells about an ended child.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ending {
    /// Exit code, where the child exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Wall time, milliseconds.
    pub millis: u64,
    /// Processor time of the child and the children it waited for, milliseconds.
    pub cpu_millis: u64,
    /// The most memory it held at once, KiB.
    pub max_rss_kib: u64,
    /// Bytes of output, as kept in the log.
    pub output_bytes: u64,
    /// Lines that are not in the agent's format.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub odd_lines: u64,
    /// Processes of its group outlived it and were ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_behind: bool,
    /// Why it could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_started: Option<String>,
    /// It could not be started because the program is not there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_found: bool,
    /// It could not be started because there was no room for it: open files, processes or memory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_room: bool,
    /// Nobody saw how it ended: the crew process that watched it died.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unwatched: bool,
}

impl Ending {
    /// Tells whether nothing is known against it: it exited with 0, or nobody saw how it ended.
    pub fn is_clean(&self) -> bool {
        self.exit == Some(0) || self.unwatched
    }

    /// Returns how two children in a row ended, of which the second had the last word.
    pub fn followed_by(&self, second: &Ending) -> Ending {
        Ending {
            millis: self.millis + second.millis,
            cpu_millis: self.cpu_millis + second.cpu_millis,
            max_rss_kib: self.max_rss_kib.max(second.max_rss_kib),
            // Both write to one log.
            output_bytes: self.output_bytes.max(second.output_bytes),
            odd_lines: self.odd_lines + second.odd_lines,
            left_behind: self.left_behind || second.left_behind,
            ..second.clone()
        }
    }
}

/// How a tool call of an agent came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolResult {
    Ok,
    Error,
    /// The agent's own permissions or its sandbox refused it.
    Denied,
    /// It had not come back when the attempt ended.
    Unfinished,
}

impl ToolResult {
    /// Returns the result of a call of which only this is known.
    pub fn of(ok: bool) -> ToolResult {
        if ok { ToolResult::Ok } else { ToolResult::Error }
    }

    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            ToolResult::Ok => "ok",
            ToolResult::Error => "error",
            ToolResult::Denied => "denied",
            ToolResult::Unfinished => "unfinished",
        }
    }
}

/// Reads how a call came back. The first records had `"ok": true` in its place.
fn read_tool_result<'de, D: serde::Deserializer<'de>>(source: D) -> Result<ToolResult, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Ok(bool),
        Result(ToolResult),
    }
    Ok(match Written::deserialize(source)? {
        Written::Ok(ok) => ToolResult::of(ok),
        Written::Result(result) => result,
    })
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_nothing(number: &i64) -> bool {
    *number == 0
}

/// Something that happened. Each variant says when it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(
    clippy::large_enum_variant,
    reason = "the large ones make the run and are the most there are when it is made"
)]
pub enum Event {
    /// A person asked for a run; recorded before anything starts, together with its tasks.
    RunCreated {
        goal: String,
        team: String,
        workflow: String,
        limits: RunLimits,
        /// The agents' prompts by name, so that the run goes on although a file changes.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        personas: BTreeMap<String, Persona>,
        /// Values for `{NAME}` in task texts and `vars.NAME` in conditions.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        vars: BTreeMap<String, String>,
        /// The persons that a task may be escalated to.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        roster: Vec<String>,
        /// What tasks with a work tree of their own begin from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<Base>,
        /// The run is a review.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review: Option<Box<ReviewOrder>>,
        /// The place in a trace from which crew was called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<TraceContext>,
        crew_version: String,
    },
    /// A task belongs to the run.
    TaskCreated { spec: TaskSpec },
    /// A crew process took the run over.
    DispatcherStarted { process: ProcessId },
    /// A child is about to be started; recorded before it is.
    AttemptStarted {
        task: TaskId,
        attempt: u32,
        agent: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// SHA-256 of the attempt's token, in hex; empty for a command step, which has none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        token_hash: String,
        /// The log, relative to the run's folder.
        log: String,
        /// Where it works, relative to the repository where it lies in it, else absolute; absent for the repository itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<String>,
    },
    /// A task's own work tree is there, and the attempt's child is about to be started in it.
    WorktreeAdded {
        task: TaskId,
        attempt: u32,
        /// Relative to the repository where it lies in it, else absolute.
        path: String,
        branch: String,
        /// Id of the commit that it begins from.
        base: String,
        /// The tasks whose work that holds, the nearest ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        from: Vec<TaskId>,
    },
    /// The child runs.
    ProcessStarted { task: TaskId, attempt: u32, process: ProcessId },
    /// The crew process that had started the child died, and another one looks after it now.
    AttemptAdopted { task: TaskId, attempt: u32, process: ProcessId },
    /// The agent told its own session id.
    SessionStarted { task: TaskId, attempt: u32, session: String },
    /// A tool call of the agent came back, or its attempt ended before that.
    ToolInvoked {
        task: TaskId,
        attempt: u32,
        tool: String,
        /// At most 4,096 characters.
        arguments: String,
        #[serde(alias = "ok", deserialize_with = "read_tool_result")]
        result: ToolResult,
        millis: u64,
    },
    /// The agent waits or tries again by itself; an empty reason means that it goes on.
    AgentWaited { task: TaskId, attempt: u32, reason: String },
    /// A valid submission came in.
    SubmissionAccepted {
        task: TaskId,
        attempt: u32,
        request: String,
        #[serde(flatten)]
        handed_in: HandedIn,
        /// Names of values that the agent gave for what crew knows by itself; they count for nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
    },
    /// An agent said something on its way.
    NoteTaken {
        task: TaskId,
        attempt: u32,
        request: String,
        #[serde(flatten)]
        note: Note,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
    },
    /// The agent ended, or wanted to, without having handed in anything, and is reminded. That happens once an attempt.
    AgentNudged { task: TaskId, attempt: u32 },
    /// A request was refused; `task` is absent where its token belongs to nothing here.
    SubmissionRefused {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        request: String,
        /// What was handed in; absent where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        submission: Option<Kind>,
        #[serde(default)]
        code: Code,
        reason: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
    },
    /// The files of a result were put into the tree, all of them; recorded after that and before anything is checked.
    FilesApplied { task: TaskId, attempt: u32, files: Vec<AppliedFile> },
    /// The agent has ended and crew begins to check its work.
    VerificationStarted { task: TaskId, attempt: u32 },
    /// One verification command of the step ended.
    VerificationEnded {
        task: TaskId,
        attempt: u32,
        command: String,
        ending: Ending,
        /// It was not run: it had passed before on the same tree.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cached: bool,
    },
    /// The attempt's own children have ended, and crew has compared the folder with what it was before.
    TreeChecked {
        task: TaskId,
        attempt: u32,
        #[serde(flatten)]
        check: TreeCheck,
    },
    /// All that the folder holds was put into a commit, on the task's own branch or at a reference that keeps it; recorded
    /// after that. Also where somebody has gone on with the work on the branch, when a merge finds that.
    WorkKept {
        task: TaskId,
        attempt: u32,
        commit: String,
        /// `refs/heads/crew/RUN/TASK`, or one below `refs/crew/keep/`.
        reference: String,
        /// How many files differ from what the work began from.
        files: u64,
        /// Lines.
        insertions: u64,
        deletions: u64,
        /// References that hold commits of the agent's that the branch does not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        set_aside: Vec<String>,
        /// Submodules in whose folders files lie that are in no commit of theirs, so on no branch; `set_aside` holds them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        astray: Vec<String>,
        /// What could not be kept, and why: files that cannot be read.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
    },
    /// References outside the run's own branches came to hold commits that the attempt made in its work tree, or do not
    /// hold any more what they held before it; recorded before its work is kept.
    ReferencesMoved { task: TaskId, attempt: u32, moved: Vec<MovedReference> },
    /// An agent is about to be given a conflict of a merge; recorded before it is started.
    ConflictGiven {
        task: TaskId,
        /// From 1, over all conflicts of the run.
        number: u32,
        agent: String,
        sides: Sides,
        /// The files that are in conflict.
        files: Vec<String>,
        /// The branch.
        into: String,
        /// The run of one task that the agent works in, recorded below the folder of this one.
        inside: RunId,
        by: String,
    },
    /// The agent has ended, and crew has seen that nothing of the conflict is left and nothing else was changed.
    ConflictResolved {
        task: TaskId,
        number: u32,
        agent: String,
        files: Vec<String>,
        /// The commit that holds what the agent made, at the reference, and its tree, with which the merge goes on.
        commit: String,
        reference: String,
        tree: String,
        /// Files that are now as one of the sides had them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        one_sided: Vec<String>,
        #[serde(default)]
        usage: Usage,
    },
    /// A conflict that an agent was given is not resolved, or what it made did not pass the verification of the merge.
    ConflictLeft {
        task: TaskId,
        number: u32,
        agent: String,
        /// Why, in sentences.
        reasons: Vec<String>,
        /// Where what the agent left is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        #[serde(default)]
        usage: Usage,
    },
    /// A branch is about to be moved to a commit that holds the work of tasks; recorded before that.
    MergeBegun {
        #[serde(flatten)]
        merging: Merging,
    },
    /// A branch holds the work of tasks; recorded after it was moved.
    WorkMerged {
        #[serde(flatten)]
        merging: Merging,
    },
    /// A move of a branch that was begun has not come about, and nothing is left of it.
    MergeGivenUp {
        /// `main`.
        into: String,
        /// Id of the commit that it was to be moved to.
        to: String,
        /// Why; empty where crew was killed over it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// A person wants a task's own work tree taken away; recorded before that, and after what it holds was kept.
    WorktreeRemoved {
        task: TaskId,
        /// Relative to the repository where it lies in it, else absolute.
        path: String,
        /// The task's branch goes too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        branch_deleted: bool,
        /// References that hold what would be nowhere else after that.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kept: Vec<String>,
        by: String,
    },
    /// A file was kept as an artifact.
    ArtifactKept {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        artifact: ArtifactKind,
        /// Relative to the run's `artifacts` folder.
        path: String,
        bytes: u64,
        /// Of the stored bytes, in hex.
        sha256: String,
    },
    /// A person has to decide before a task goes on; recorded before the task pauses.
    GateOpened {
        gate: GateId,
        task: TaskId,
        /// The attempt that led to it; none for one before the start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        #[serde(flatten)]
        about: About,
        /// Absent where it waits for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Time>,
    },
    /// A gate was decided, by a person or because nobody did in time.
    GateDecided {
        gate: GateId,
        task: TaskId,
        #[serde(flatten)]
        decision: Decision,
        by: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
    /// A person accepted the work of a task that needed review.
    TaskAccepted {
        task: TaskId,
        by: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
    /// A settled task goes back to the queue because a person asked for it, or for something that it follows from.
    TaskRequeued {
        task: TaskId,
        by: String,
        reason: String,
        #[serde(flatten)]
        asked: Asked,
    },
    /// All who review a task's work have come to a verdict, and one of them asks for changes: the task and they go back to the
    /// queue. Recorded together with the end of the last of them.
    ReviewRoundBegun {
        task: TaskId,
        reviewers: Vec<TaskId>,
        /// From 1; how often the task was sent back.
        round: u32,
        /// The verdicts and findings, in words.
        note: String,
    },
    /// A task was given up; recorded right after the end of the attempt because of which it was, or when a person says so.
    /// The task stays in its state.
    TaskDeadLettered {
        task: TaskId,
        /// Its newest attempt; 0 where it had none.
        attempt: u32,
        why: Why,
        by: String,
        /// What a person said about it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
        /// The kind of the error and the reason, as one line.
        last_error: String,
        /// The end of the attempt's log, without secrets.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        tail: String,
    },
    /// A person does not want to see any more that a task was given up.
    DeadLetterDropped { task: TaskId, by: String, reason: String },
    /// A person has handed in a review of what the run reviews.
    PersonReviewed(PersonReview),
    /// More tasks of the repository than usual were given up within an hour; told once within that time. It stands in the
    /// record of the run whose task was the last of them.
    DeadLettersPiledUp {
        /// How many.
        count: u64,
    },
    /// An attempt is over.
    AttemptEnded {
        task: TaskId,
        attempt: u32,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_kind: Option<ErrorKind>,
        /// Why, as one sentence; empty for a plain success.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        #[serde(default)]
        ending: Ending,
        #[serde(default)]
        usage: Usage,
        /// What was achieved, as one line: the submission's summary, or the last words of a plain program.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        summary: String,
        /// The task goes back to the queue instead of settling, not to be started before this time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<Again>,
        /// The provider limits requests: nobody else who uses it is started for a while.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limited: Option<Limited>,
        /// Why it is not tried again, where that was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_again: Option<RetryReason>,
        /// Why what it left in its own work tree could not be kept; empty where it was.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        unkept: String,
    },
    /// A task will not be done in this run: a dependency did not complete, or its `when` is false.
    TaskSkipped {
        task: TaskId,
        reason: String,
        /// Its own `when` was false: those that depend on it go on.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_condition: bool,
    },
    /// A task was given up before it started, because a person said so or the run is stopped for good.
    TaskCancelled {
        task: TaskId,
        reason: String,
        /// Another task did not succeed, and the run gives up all others then.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        fail_fast: bool,
    },
    /// A task that was waiting cannot be started any more: no budget is left for it.
    TaskFailed { task: TaskId, error_kind: ErrorKind, reason: String },
    /// 80 % of a limit is used up, or more; told once for each limit.
    BudgetWarned {
        level: Level,
        /// Whose limit it is, on the level of tasks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        what: What,
        /// In the unit that `what` names.
        spent: serde_json::Number,
        limit: serde_json::Number,
    },
    /// What the branches of tasks will do to each other has changed, as far as it could be told while they are worked on.
    ConflictsSeen {
        /// All that is known now, those that conflict first.
        clashes: Vec<Clash>,
        /// How many pairs do something to each other beside those that are listed.
        #[serde(default, skip_serializing_if = "is_zero")]
        more: u64,
    },
    /// It was decided what becomes of a finding of one of the run's reviewers.
    FindingDecided {
        fingerprint: String,
        decision: deciding::Decision,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        feedback: Option<deciding::Feedback>,
        by: String,
        why: String,
        /// What proves it: a commit, a test.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        evidence: Option<String>,
    },
    /// A person gave the run another budget for the rest of its work.
    BudgetChanged { budget: Limits },
    /// Time went by without crew: the machine slept, crew was held up, or somebody set the clock. What is to happen at a
    /// time moves along.
    ClockJumped {
        /// Milliseconds, as are the others.
        #[serde(default, skip_serializing_if = "is_zero")]
        asleep: u64,
        #[serde(default, skip_serializing_if = "is_zero")]
        held_up: u64,
        /// How far the clock was set forward; less than zero where it was set back.
        #[serde(default, skip_serializing_if = "is_nothing")]
        set: i64,
    },
    /// A person asked the run to stop.
    StopAsked { level: u32, by: String },
    /// A person wants the run, or one of its tasks, not to be done; recorded before anything is ended because of that.
    CancelAsked {
        /// Absent where the whole run is meant. A task that is worked on is named in any case: it ends as cancelled
        /// although its crew process dies meanwhile.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        by: String,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The run was taken in from a file, with all that was recorded of it elsewhere; what follows happened here.
    RunImported(Imported),
    /// Everything is settled, or the run was stopped; nothing of it runs any more.
    RunEnded { state: super::run::RunStatus },
}

/// When and why a task is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    pub not_before: Time,
    pub reason: String,
}

/// For how long those who use a provider keep away from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limited {
    /// None of them is started before.
    pub until: Time,
    /// How far apart they are started after that, until one comes through.
    pub pace_millis: u64,
}

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    Goal,
    Prompt,
    /// What a task handed in.
    Result,
    /// What a task knows of the ones before it, as JSON.
    Context,
    /// A result under the name that other steps read it by.
    Shared,
    Summary,
    /// What an attempt changed that it may not, as a patch.
    Diff,
}

impl ArtifactKind {
    /// Returns the word used in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            ArtifactKind::Goal => "goal",
            ArtifactKind::Prompt => "prompt",
            ArtifactKind::Result => "result",
            ArtifactKind::Context => "context",
            ArtifactKind::Shared => "shared",
            ArtifactKind::Summary => "summary",
            ArtifactKind::Diff => "diff",
        }
    }
}

impl Event {
    /// Returns the name that `kind` has in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::RunCreated { .. } => "run_created",
            Event::TaskCreated { .. } => "task_created",
            Event::DispatcherStarted { .. } => "dispatcher_started",
            Event::AttemptStarted { .. } => "attempt_started",
            Event::WorktreeAdded { .. } => "worktree_added",
            Event::ProcessStarted { .. } => "process_started",
            Event::AttemptAdopted { .. } => "attempt_adopted",
            Event::SessionStarted { .. } => "session_started",
            Event::ToolInvoked { .. } => "tool_invoked",
            Event::AgentWaited { .. } => "agent_waited",
            Event::SubmissionAccepted { .. } => "submission_accepted",
            Event::NoteTaken { .. } => "note_taken",
            Event::AgentNudged { .. } => "agent_nudged",
            Event::SubmissionRefused { .. } => "submission_refused",
            Event::FilesApplied { .. } => "files_applied",
            Event::VerificationStarted { .. } => "verification_started",
            Event::VerificationEnded { .. } => "verification_ended",
            Event::TreeChecked { .. } => "tree_checked",
            Event::WorkKept { .. } => "work_kept",
            Event::ReferencesMoved { .. } => "references_moved",
            Event::ConflictGiven { .. } => "conflict_given",
            Event::ConflictResolved { .. } => "conflict_resolved",
            Event::ConflictLeft { .. } => "conflict_left",
            Event::MergeBegun { .. } => "merge_begun",
            Event::WorkMerged { .. } => "work_merged",
            Event::MergeGivenUp { .. } => "merge_given_up",
            Event::WorktreeRemoved { .. } => "worktree_removed",
            Event::ArtifactKept { .. } => "artifact_kept",
            Event::GateOpened { .. } => "gate_opened",
            Event::GateDecided { .. } => "gate_decided",
            Event::TaskAccepted { .. } => "task_accepted",
            Event::TaskRequeued { .. } => "task_requeued",
            Event::ReviewRoundBegun { .. } => "review_round_begun",
            Event::TaskDeadLettered { .. } => "task_dead_lettered",
            Event::DeadLetterDropped { .. } => "dead_letter_dropped",
            Event::PersonReviewed(_) => "person_reviewed",
            Event::DeadLettersPiledUp { .. } => "dead_letters_piled_up",
            Event::AttemptEnded { .. } => "attempt_ended",
            Event::TaskSkipped { .. } => "task_skipped",
            Event::TaskCancelled { .. } => "task_cancelled",
            Event::TaskFailed { .. } => "task_failed",
            Event::BudgetWarned { .. } => "budget_warned",
            Event::ConflictsSeen { .. } => "conflicts_seen",
            Event::FindingDecided { .. } => "finding_decided",
            Event::BudgetChanged { .. } => "budget_changed",
            Event::ClockJumped { .. } => "clock_jumped",
            Event::StopAsked { .. } => "stop_asked",
            Event::CancelAsked { .. } => "cancel_asked",
            Event::RunImported(_) => "run_imported",
            Event::RunEnded { .. } => "run_ended",
        }
    }

    /// Every kind, for the test that each is produced.
    pub const KINDS: &'static [&'static str] = &[
        "run_created",
        "task_created",
        "dispatcher_started",
        "attempt_started",
        "worktree_added",
        "process_started",
        "attempt_adopted",
        "session_started",
        "tool_invoked",
        "agent_waited",
        "submission_accepted",
        "note_taken",
        "agent_nudged",
        "submission_refused",
        "files_applied",
        "verification_started",
        "verification_ended",
        "tree_checked",
        "work_kept",
        "references_moved",
        "conflict_given",
        "conflict_resolved",
        "conflict_left",
        "merge_begun",
        "merge_given_up",
        "work_merged",
        "worktree_removed",
        "artifact_kept",
        "gate_opened",
        "gate_decided",
        "task_accepted",
        "task_requeued",
        "review_round_begun",
        "task_dead_lettered",
        "dead_letter_dropped",
        "person_reviewed",
        "dead_letters_piled_up",
        "attempt_ended",
        "task_skipped",
        "task_cancelled",
        "task_failed",
        "budget_warned",
        "conflicts_seen",
        "finding_decided",
        "budget_changed",
        "clock_jumped",
        "stop_asked",
        "cancel_asked",
        "run_imported",
        "run_ended",
    ];

    /// Returns the task that it is about.
    pub fn task(&self) -> Option<&TaskId> {
        match self {
            Event::RunCreated { .. }
            | Event::DispatcherStarted { .. }
            | Event::MergeBegun { .. }
            | Event::WorkMerged { .. }
            | Event::MergeGivenUp { .. }
            | Event::ConflictsSeen { .. }
            | Event::PersonReviewed(_)
            | Event::DeadLettersPiledUp { .. }
            | Event::FindingDecided { .. }
            | Event::BudgetChanged { .. }
            | Event::ClockJumped { .. }
            | Event::StopAsked { .. }
            | Event::RunImported(_)
            | Event::RunEnded { .. } => None,
            Event::TaskCreated { spec } => Some(&spec.id),
            Event::SubmissionRefused { task, .. }
            | Event::ArtifactKept { task, .. }
            | Event::CancelAsked { task, .. }
            | Event::BudgetWarned { task, .. } => task.as_ref(),
            Event::AttemptStarted { task, .. }
            | Event::WorktreeAdded { task, .. }
            | Event::WorkKept { task, .. }
            | Event::ReferencesMoved { task, .. }
            | Event::WorktreeRemoved { task, .. }
            | Event::ConflictGiven { task, .. }
            | Event::ConflictResolved { task, .. }
            | Event::ConflictLeft { task, .. }
            | Event::ProcessStarted { task, .. }
            | Event::AttemptAdopted { task, .. }
            | Event::SessionStarted { task, .. }
            | Event::ToolInvoked { task, .. }
            | Event::AgentWaited { task, .. }
            | Event::SubmissionAccepted { task, .. }
            | Event::NoteTaken { task, .. }
            | Event::AgentNudged { task, .. }
            | Event::FilesApplied { task, .. }
            | Event::VerificationStarted { task, .. }
            | Event::VerificationEnded { task, .. }
            | Event::GateOpened { task, .. }
            | Event::GateDecided { task, .. }
            | Event::TaskAccepted { task, .. }
            | Event::TaskRequeued { task, .. }
            | Event::ReviewRoundBegun { task, .. }
            | Event::TaskDeadLettered { task, .. }
            | Event::DeadLetterDropped { task, .. }
            | Event::TreeChecked { task, .. }
            | Event::AttemptEnded { task, .. }
            | Event::TaskSkipped { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskCancelled { task, .. } => Some(task),
        }
    }

    /// Returns the attempt that it is about.
    pub fn attempt(&self) -> Option<u32> {
        match self {
            Event::AttemptStarted { attempt, .. }
            | Event::WorktreeAdded { attempt, .. }
            | Event::WorkKept { attempt, .. }
            | Event::ReferencesMoved { attempt, .. }
            | Event::ProcessStarted { attempt, .. }
            | Event::AttemptAdopted { attempt, .. }
            | Event::SessionStarted { attempt, .. }
            | Event::ToolInvoked { attempt, .. }
            | Event::AgentWaited { attempt, .. }
            | Event::SubmissionAccepted { attempt, .. }
            | Event::NoteTaken { attempt, .. }
            | Event::AgentNudged { attempt, .. }
            | Event::FilesApplied { attempt, .. }
            | Event::VerificationStarted { attempt, .. }
            | Event::VerificationEnded { attempt, .. }
            | Event::TreeChecked { attempt, .. }
            | Event::TaskDeadLettered { attempt, .. }
            | Event::AttemptEnded { attempt, .. } => Some(*attempt),
            Event::SubmissionRefused { attempt, .. }
            | Event::ArtifactKept { attempt, .. }
            | Event::GateOpened { attempt, .. } => *attempt,
            _ => None,
        }
    }

    /// Tells whether all of its words are those of people, or of crew itself.
    fn is_ours(&self) -> bool {
        matches!(
            self,
            Event::RunCreated { .. }
                | Event::TaskCreated { .. }
                | Event::DispatcherStarted { .. }
                | Event::AttemptStarted { .. }
                | Event::WorktreeAdded { .. }
                | Event::WorkKept { .. }
                | Event::ConflictGiven { .. }
                | Event::ConflictResolved { .. }
                | Event::MergeBegun { .. }
                | Event::WorkMerged { .. }
                | Event::MergeGivenUp { .. }
                | Event::WorktreeRemoved { .. }
                | Event::ProcessStarted { .. }
                | Event::AttemptAdopted { .. }
                | Event::AgentNudged { .. }
                | Event::VerificationStarted { .. }
                | Event::VerificationEnded { .. }
                | Event::ArtifactKept { .. }
                | Event::FilesApplied { .. }
                | Event::GateDecided { .. }
                | Event::TaskAccepted { .. }
                | Event::TaskRequeued { .. }
                | Event::ClockJumped { .. }
                | Event::DeadLetterDropped { .. }
                | Event::DeadLettersPiledUp { .. }
                | Event::StopAsked { .. }
                | Event::CancelAsked { .. }
                | Event::RunImported(_)
                | Event::RunEnded { .. }
        )
    }

    /// Returns the event with the words of agents made harmless and without secrets.
    pub fn made_safe(self, words: &Redactor) -> Event {
        if self.is_ours() {
            return self;
        }
        let Ok(text) = serde_json::to_string(&self) else { return self };
        // In JSON, what is harmless looks harmless, but for what is written as `\u001b`.
        if !words.is_worth_a_look(&text) && !text.contains("\\u") {
            return self;
        }
        let Ok(mut value) = serde_json::from_str::<Value>(&text) else { return self };
        let Some(fields) = value.as_object_mut() else { return self };
        // By these crew finds what the event is about, and whoever asked finds the answer.
        // The files of a result are found again by their paths, and their contents are not here.
        let files = fields.get_mut("result").and_then(|result| result.get_mut("files")).map(Value::take);
        let places = ["kind", "task", "attempt", "request"];
        fields
            .iter_mut()
            .filter(|(name, _)| !places.contains(&name.as_str()))
            .for_each(|(_, field)| words.value(field));
        if let Some(files) = files {
            value["result"]["files"] = files;
        }
        serde_json::from_value(value).unwrap_or(self)
    }

    /// Tells whether it ends something, so that it has to be on the disk before anybody acts on it.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Event::RunCreated { .. }
                | Event::SubmissionAccepted { .. }
                | Event::FilesApplied { .. }
                | Event::ConflictGiven { .. }
                | Event::ConflictResolved { .. }
                | Event::ConflictLeft { .. }
                | Event::MergeBegun { .. }
                | Event::WorkMerged { .. }
                | Event::MergeGivenUp { .. }
                | Event::WorkKept { .. }
                | Event::ReferencesMoved { .. }
                | Event::WorktreeRemoved { .. }
                | Event::AttemptEnded { .. }
                | Event::GateOpened { .. }
                | Event::GateDecided { .. }
                | Event::TaskAccepted { .. }
                | Event::TaskRequeued { .. }
                | Event::ReviewRoundBegun { .. }
                | Event::TaskDeadLettered { .. }
                | Event::DeadLetterDropped { .. }
                | Event::PersonReviewed(_)
                | Event::TaskCancelled { .. }
                | Event::CancelAsked { .. }
                | Event::TaskFailed { .. }
                | Event::FindingDecided { .. }
                | Event::BudgetChanged { .. }
                | Event::RunImported(_)
                | Event::RunEnded { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_calls_of_the_first_records_are_read() {
        let read = |result: &str| {
            let text = format!(
                r#"{{"kind":"tool_invoked","task":"a","attempt":1,"tool":"bash","arguments":"ls",{result},"millis":3}}"#
            );
            match serde_json::from_str(&text) {
                Ok(Event::ToolInvoked { result, .. }) => result,
                other => panic!("{text}: {other:?}"),
            }
        };
        assert_eq!(read(r#""ok":true"#), ToolResult::Ok);
        assert_eq!(read(r#""ok":false"#), ToolResult::Error);
        assert_eq!(read(r#""result":"denied""#), ToolResult::Denied);
        let event = Event::ToolInvoked {
            task: TaskId::parse("a").unwrap(),
            attempt: 1,
            tool: "bash".into(),
            arguments: "ls".into(),
            result: ToolResult::Denied,
            millis: 3,
        };
        assert!(serde_json::to_string(&event).unwrap().contains(r#""result":"denied""#));
    }
}
