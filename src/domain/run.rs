//! The state of a run: its events replayed.
//!
//! `Run::apply` is the one place where state changes. It refuses what is not legal, so a mistake elsewhere ends in an
//! error and not in a wrong record.

use super::budget::{Level, Warned};
use super::cancelling;
use super::clocks::shift_millis;
use super::conflict::{Clash, proposed_order};
use super::dead_letter::{DeadLetter, Why};
use super::event::{Again, Event, Outcome, Persona, ProcessId, RunLimits};
use super::gate::{self, About, Decided, Decision, Gate, GateId};
use super::id::{RunId, TaskId};
use super::imported::Imported;
use super::judgement::FAIL_FAST;
use super::liveness::Heartbeat;
use super::merging::{Landed, Merging};
use super::requeue;
use super::resolution::{Resolution, Standing};
use super::review::by_person::PersonReview;
use super::review::deciding;
use super::review::target::ReviewOrder;
use super::submission::Kind;
use super::task::{Attempt, AttemptState, RefusedSubmission, Task, TaskSpec, TaskState};
use super::time::Time;
use super::trace_context::TraceContext;
use super::worktree::{Base, TaskTree, reference_of};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

mod rounds;

/// Where a run stands; derived from its tasks when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Queued,
    Running,
    AwaitingInput,
    Completed,
    Failed,
    NeedsReview,
    Cancelled,
    /// Tasks are open, but no dispatcher lives.
    Interrupted,
}

impl RunStatus {
    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Queued => "queued",
            RunStatus::Running => "running",
            RunStatus::AwaitingInput => "awaiting_input",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::NeedsReview => "needs_review",
            RunStatus::Cancelled => "cancelled",
            RunStatus::Interrupted => "interrupted",
        }
    }

    /// Tells whether a run of which nobody is the owner can be gone on with as it is.
    pub fn goes_on(self) -> bool {
        matches!(self, RunStatus::Interrupted | RunStatus::Queued | RunStatus::AwaitingInput)
    }

    /// Returns the words that people read.
    pub fn words(self) -> &'static str {
        match self {
            RunStatus::AwaitingInput => "waiting for you",
            RunStatus::NeedsReview => "needs review",
            other => other.name(),
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many tasks of a run are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    by_state: [usize; 8],
    /// Those of them whose step says to continue on error.
    lenient: [usize; 8],
}

impl Counts {
    /// Returns how many tasks are in `state`.
    pub fn of(&self, state: TaskState) -> usize {
        self.by_state[state as usize]
    }

    /// Returns how many tasks are in `state` and count for the outcome of the run.
    fn strict(&self, state: TaskState) -> usize {
        self.by_state[state as usize] - self.lenient[state as usize]
    }

    /// Adds `number` tasks in `state`; `lenient` ones do not make the run fail.
    pub fn add(&mut self, state: TaskState, lenient: bool, number: usize) {
        self.by_state[state as usize] += number;
        self.lenient[state as usize] += if lenient { number } else { 0 };
    }

    fn remove(&mut self, state: TaskState, lenient: bool) {
        self.by_state[state as usize] -= 1;
        self.lenient[state as usize] -= usize::from(lenient);
    }

    pub fn total(&self) -> usize {
        self.by_state.iter().sum()
    }

    /// Returns how many tasks are settled.
    pub fn settled(&self) -> usize {
        TaskState::ALL.into_iter().filter(|state| state.is_settled()).map(|state| self.of(state)).sum()
    }

    /// Derives where the run stands. `owned` tells whether a dispatcher lives, `started` whether one ever did, and
    /// `ended` how the last one left it.
    pub fn status(&self, owned: bool, started: bool, ended: Ended) -> RunStatus {
        use TaskState::*;
        // What is queued since then was put there by a person.
        let is_new = !started || (ended == Ended::Done && self.of(Running) == 0);
        let ended = ended != Ended::No;
        if ended && !owned && self.of(AwaitingInput) > 0 && self.of(Running) == 0 {
            // What is queued waits for the same person.
            return RunStatus::AwaitingInput;
        }
        if self.of(Running) > 0 || self.of(Queued) > 0 {
            return match (owned, is_new) {
                (true, _) => RunStatus::Running,
                (false, false) => RunStatus::Interrupted,
                (false, true) => RunStatus::Queued,
            };
        }
        match () {
            // Nothing is left to do but to say so: its owner died before it had.
            () if started && !ended && !owned => RunStatus::Interrupted,
            () if self.of(AwaitingInput) > 0 => RunStatus::AwaitingInput,
            () if self.strict(Failed) > 0 => RunStatus::Failed,
            () if self.strict(NeedsReview) > 0 => RunStatus::NeedsReview,
            () if self.of(Cancelled) > 0 => RunStatus::Cancelled,
            () => RunStatus::Completed,
        }
    }
}

/// How the last owner of a run left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It has not said that it ended.
    No,
    /// Somebody stopped it, with tasks left.
    Stopped,
    /// With nothing left that could go on.
    Done,
}

/// An event that cannot follow what came before.
#[derive(Debug, thiserror::Error)]
#[error("{kind} cannot follow: {why}")]
pub struct Illegal {
    pub kind: &'static str,
    pub why: String,
}

/// How many of its notes are held of an attempt that has ended; all of them are in the record.
const KEPT_NOTES: usize = 10;

/// What an event changed, so that the store updates just that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    Nothing,
    Run,
    /// A task, by its place in `tasks`.
    Task(usize),
    /// Several tasks.
    Tasks,
    /// A task and one of its attempts, by its number.
    TaskAndAttempt(usize, u32),
}

/// A run and its tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub id: RunId,
    pub goal: String,
    pub team: String,
    pub workflow: String,
    pub limits: RunLimits,
    pub personas: BTreeMap<String, Persona>,
    pub vars: BTreeMap<String, String>,
    /// The persons that a task may be escalated to.
    pub roster: Vec<String>,
    /// What tasks with a work tree of their own begin from; none where no task has one.
    pub base: Option<Base>,
    /// What it reviews, where it is a review.
    pub review: Option<Box<ReviewOrder>>,
    /// The place in a trace from which crew was called.
    pub caller: Option<TraceContext>,
    /// What persons found who reviewed it too.
    pub person_reviews: Vec<PersonReview>,
    /// Where it came from, where it was not made here; the last time it was taken in.
    pub imported: Option<Box<Imported>>,
    pub created_at: Time,
    /// In the order of the workflow.
    pub tasks: Vec<Task>,
    /// In the order in which they were opened.
    pub gates: Vec<Gate>,
    pub counts: Counts,
    /// The process that owned it last.
    pub dispatcher: Option<ProcessId>,
    pub ended_at: Option<Time>,
    /// When it ended, tasks were left that could have gone on.
    pub stopped: bool,
    /// The number of the newest event that it holds; 0 where none is in a store. All that is stored of a run follows
    /// from its events, so this is the version of it all: what was decided without a newer event is not written.
    pub last_seq: i64,
    /// Wall time for which dispatchers have owned it, up to `owned_since`.
    pub worked: Duration,
    /// Since when the dispatcher owns it that owned it last and that has not ended it.
    pub owned_since: Option<Time>,
    /// When something happened last.
    pub last_at: Time,
    /// Limits of which somebody has been warned.
    pub warned: Vec<Warned>,
    /// The move of a branch that was begun and is not known to be done.
    pub merging: Option<Box<Merging>>,
    /// The conflicts that agents were given, in the order in which they were.
    pub resolutions: Vec<Resolution>,
    /// What branches of tasks do to each other, as it was seen last.
    pub clashes: Vec<Clash>,
    /// How many pairs of tasks do so beside those that are listed.
    pub more_clashes: u64,
    /// What was decided last about findings of its reviewers, by their fingerprints.
    pub decisions: BTreeMap<String, deciding::Decided>,
    index: HashMap<TaskId, usize>,
}

impl Run {
    /// Makes a run from its first event.
    pub fn create(id: RunId, at: Time, event: &Event) -> Result<Run, Illegal> {
        let Event::RunCreated {
            goal,
            team,
            workflow,
            limits,
            personas,
            vars,
            roster,
            base,
            review,
            caller,
            crew_version: _,
        } = event
        else {
            return Err(Illegal { kind: event.kind(), why: format!("run {id} has not been created") });
        };
        Ok(Run {
            id,
            goal: goal.clone(),
            team: team.clone(),
            workflow: workflow.clone(),
            limits: *limits,
            personas: personas.clone(),
            vars: vars.clone(),
            roster: roster.clone(),
            base: base.clone(),
            review: review.clone(),
            caller: *caller,
            person_reviews: Vec::new(),
            imported: None,
            created_at: at,
            tasks: Vec::new(),
            gates: Vec::new(),
            counts: Counts::default(),
            dispatcher: None,
            ended_at: None,
            stopped: false,
            last_seq: 0,
            worked: Duration::ZERO,
            owned_since: None,
            last_at: at,
            warned: Vec::new(),
            merging: None,
            resolutions: Vec::new(),
            clashes: Vec::new(),
            more_clashes: 0,
            decisions: BTreeMap::new(),
            index: HashMap::new(),
        })
    }

    /// Returns the place of a task in `tasks`.
    pub fn place(&self, task: &TaskId) -> Option<usize> {
        self.place_named(task.as_str())
    }

    /// The same by the text of the id.
    pub fn place_named(&self, task: &str) -> Option<usize> {
        self.index.get(task).copied()
    }

    /// Takes in what the open attempts have told so far that they have used up, as their dispatcher says; what stands in the
    /// record at their ends takes its place.
    pub fn note_told(&mut self, heartbeat: &Heartbeat) {
        for pulse in &heartbeat.attempts {
            let Some(place) = self.place(&pulse.task) else { continue };
            let last = self.tasks[place].attempts.last_mut();
            if let Some(open) = last.filter(|last| last.number == pulse.attempt && last.is_open()) {
                open.usage = pulse.usage;
            }
        }
    }

    /// Returns a task by its id.
    pub fn task(&self, id: &TaskId) -> Option<&Task> {
        self.place(id).map(|at| &self.tasks[at])
    }

    /// Derives where the run stands.
    pub fn status(&self, owned: bool) -> RunStatus {
        self.counts.status(owned, self.dispatcher.is_some(), self.ended())
    }

    /// Tells how its last owner left it.
    pub fn ended(&self) -> Ended {
        match self.ended_at {
            None => Ended::No,
            Some(_) if self.stopped => Ended::Stopped,
            Some(_) => Ended::Done,
        }
    }

    /// Returns the gates that nobody has decided, in the order in which they were opened.
    pub fn open_gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates.iter().filter(|gate| gate.decided.is_none())
    }

    /// Returns what branches do to each other of which at least one is still to be merged.
    pub fn clashes_ahead(&self) -> impl Iterator<Item = &Clash> {
        let ahead = |task: &TaskId| self.task(task).is_some_and(|task| !task.is_merged());
        self.clashes.iter().filter(move |clash| ahead(&clash.tasks.0) || ahead(&clash.tasks.1))
    }

    /// Returns the order in which the tasks are best merged whose branches conflict and are not merged yet.
    pub fn merge_order(&self) -> Vec<&TaskId> {
        let clashes = self.conflicts_ahead();
        let order = self.order_with(&clashes).into_iter();
        let open = order.map(|place| &self.tasks[place]).filter(|task| !task.is_merged());
        let open = open.map(|task| &task.spec.id);
        open.filter(|task| clashes.iter().any(|clash| clash.concerns(task))).collect()
    }

    /// Returns what branches do to each other that git cannot merge alone, as far as at least one is still to be merged.
    pub fn conflicts_ahead(&self) -> Vec<Clash> {
        self.clashes_ahead().filter(|clash| clash.weight() > 0).cloned().collect()
    }

    /// Returns the places of all tasks in the order in which they are best merged, given their conflicts.
    pub fn order_with(&self, conflicts: &[Clash]) -> Vec<usize> {
        let tasks: Vec<(&TaskId, &[TaskId])> =
            self.tasks.iter().map(|task| (&task.spec.id, task.spec.depends_on.as_slice())).collect();
        proposed_order(&tasks, conflicts)
    }

    /// Returns a gate by its id.
    pub fn gate(&self, id: GateId) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.id == id)
    }

    /// Lets an event happen to the run. Nothing has changed where it is illegal.
    pub fn apply(&mut self, at: Time, event: &Event) -> Result<Touched, Illegal> {
        let touched = self.change(at, event)?;
        self.last_at = at;
        Ok(touched)
    }

    fn change(&mut self, at: Time, event: &Event) -> Result<Touched, Illegal> {
        let illegal = |why: String| Illegal { kind: event.kind(), why };
        match event {
            Event::RunCreated { .. } => Err(illegal(format!("run {} has been created before", self.id))),
            Event::TaskCreated { spec } => self.add_task(spec).map_err(illegal),
            Event::DispatcherStarted { process } => {
                self.dispatcher = Some(process.clone());
                self.ended_at = None;
                // The one before died without a word; what it recorded last is the last that is known of it.
                self.worked += self.owned_since.map_or(Duration::ZERO, |since| self.last_at.since(since));
                self.owned_since = Some(at);
                Ok(Touched::Run)
            }
            Event::RunEnded { state } => {
                self.ended_at = Some(at);
                self.stopped = *state == RunStatus::Interrupted;
                self.worked += self.owned_since.take().map_or(Duration::ZERO, |since| at.since(since));
                Ok(Touched::Run)
            }
            Event::RunImported(imported) => {
                self.imported = Some(Box::new(imported.clone()));
                let attempts = self.tasks.iter_mut().flat_map(|task| &mut task.attempts);
                attempts.for_each(|attempt| attempt.elsewhere = true);
                // What went by on the way is nobody's work.
                self.worked +=
                    self.owned_since.take().map_or(Duration::ZERO, |since| self.last_at.since(since));
                Ok(Touched::Run)
            }
            Event::ClockJumped { asleep, held_up, set } => {
                self.move_times(shift_millis(*asleep, *held_up, *set));
                Ok(Touched::Nothing)
            }
            Event::PersonReviewed(review) => {
                let worker = review.of.as_ref().map(|id| self.place_of(id)).transpose().map_err(illegal)?;
                let is_now = worker.is_none_or(|at| self.tasks[at].rounds() == review.round);
                let is_of_nothing = self.review.is_none() && worker.is_none();
                if is_of_nothing || !is_now || self.standing_reviews().any(|known| known.by == review.by) {
                    return Err(illegal(format!("it is no review, or {} has reviewed it", review.by)));
                }
                self.person_reviews.push(review.clone());
                Ok(Touched::Run)
            }
            Event::StopAsked { .. }
            | Event::CancelAsked { task: None, .. }
            | Event::DeadLettersPiledUp { .. } => Ok(Touched::Nothing),
            Event::CancelAsked { task: Some(task), by, reason } => {
                let place = self.place_of(task).map_err(illegal)?;
                if self.tasks[place].state.is_settled() {
                    return Err(illegal(format!("task {task} is {}", self.tasks[place].state)));
                }
                self.tasks[place].cancel = Some(cancelling::words(by, reason));
                self.tasks[place].version += 1;
                Ok(Touched::Task(place))
            }
            Event::ArtifactKept { .. } => Ok(Touched::Nothing),
            Event::SubmissionRefused { submission, code, reason, .. } => {
                let counts = code.fails_as().is_some() && !submission.is_some_and(Kind::is_note);
                // One that came too late belongs to an attempt that never changes again.
                if counts && self.open_place(event).is_ok() {
                    let (code, message) = (*code, reason.clone());
                    self.change_open(event, |attempt| {
                        attempt.refusal = Some(RefusedSubmission { code, message });
                    })?;
                }
                Ok(Touched::Nothing)
            }
            Event::TaskSkipped { task, reason, by_condition } => {
                let place = self.place_of(task).map_err(illegal)?;
                self.shift(place, TaskState::Skipped).map_err(illegal)?;
                self.tasks[place].skipped_by_condition = *by_condition;
                self.tasks[place].reason.clone_from(reason);
                Ok(Touched::Task(place))
            }
            Event::BudgetWarned { level, task, what, .. } => {
                self.warned.push((*level, task.clone(), *what));
                Ok(Touched::Nothing)
            }
            Event::ConflictsSeen { clashes, more } => {
                self.clashes.clone_from(clashes);
                self.more_clashes = *more;
                Ok(Touched::Nothing)
            }
            Event::FindingDecided { fingerprint, decision, feedback, by, why, evidence } => {
                let decided = deciding::Decided {
                    decision: *decision,
                    feedback: *feedback,
                    by: by.clone(),
                    why: why.clone(),
                    evidence: evidence.clone(),
                    at,
                };
                self.decisions.insert(fingerprint.clone(), decided);
                Ok(Touched::Nothing)
            }
            Event::BudgetChanged { budget } => {
                self.limits.budget = *budget;
                self.warned.retain(|(level, ..)| *level != Level::Run);
                Ok(Touched::Nothing)
            }
            Event::TaskFailed { task, error_kind, reason } => {
                let place = self.place_of(task).map_err(illegal)?;
                if self.tasks[place].state != TaskState::Queued {
                    return Err(illegal(format!("task {task} is {}, not queued", self.tasks[place].state)));
                }
                self.shift(place, TaskState::Failed).map_err(illegal)?;
                self.tasks[place].gate_error = Some(*error_kind);
                self.tasks[place].reason.clone_from(reason);
                Ok(Touched::Task(place))
            }
            Event::TaskCancelled { task, reason, fail_fast } => {
                let place = self.place_of(task).map_err(illegal)?;
                if self.tasks[place].last().is_some_and(Attempt::is_open) {
                    return Err(illegal(format!("an attempt of {task} is open, and ends first")));
                }
                if let Some(gate) = self.tasks[place].waits_for {
                    return Err(illegal(format!("gate {gate} of {task} is open, and is decided first")));
                }
                self.shift(place, TaskState::Cancelled).map_err(illegal)?;
                // The first records say it in words alone.
                self.tasks[place].given_up_with_others = *fail_fast || reason == FAIL_FAST;
                self.tasks[place].reason.clone_from(reason);
                Ok(Touched::Task(place))
            }
            Event::AttemptStarted { task, attempt, agent, model, token_hash, log, folder } => {
                let place = self.place_of(task).map_err(illegal)?;
                let number = *attempt;
                let expected = self.tasks[place].attempts.len() as u32 + 1;
                if number != expected {
                    return Err(illegal(format!("attempt {expected} of {task} comes next, not {number}")));
                }
                self.shift(place, TaskState::Running).map_err(illegal)?;
                let task = &mut self.tasks[place];
                task.not_before = None;
                task.reason.clear();
                // Most tasks have one attempt, and a run may have ten thousand tasks.
                task.attempts.reserve_exact(1);
                task.attempts.push(Attempt {
                    number,
                    state: AttemptState::Starting,
                    agent: agent.clone(),
                    model: model.clone(),
                    token_hash: token_hash.clone(),
                    process: None,
                    session: None,
                    waiting: String::new(),
                    log: log.clone(),
                    folder: folder.clone(),
                    started_at: at,
                    ended_at: None,
                    submission: None,
                    notes: Vec::new(),
                    refusal: None,
                    nudged: false,
                    unkept: String::new(),
                    moved: Vec::new(),
                    paused: false,
                    confidence: None,
                    files_applied: false,
                    tree: None,
                    error_kind: None,
                    limited: None,
                    reason: String::new(),
                    ending: Default::default(),
                    usage: Default::default(),
                    tool_calls: 0,
                    summary: String::new(),
                    elsewhere: false,
                });
                Ok(Touched::TaskAndAttempt(place, number))
            }
            Event::ProcessStarted { process, .. } => {
                self.open_before_checks(event)?;
                self.change_open(event, |attempt| {
                    attempt.state = AttemptState::Running;
                    attempt.process = Some(process.clone());
                })
            }
            Event::AttemptAdopted { .. } => self.change_open(event, |_| {}).map(|_| Touched::Nothing),
            Event::SessionStarted { session, .. } => {
                self.change_open(event, |attempt| attempt.session = Some(session.clone()))
            }
            Event::AgentWaited { reason, .. } => self
                .change_open(event, |attempt| attempt.waiting.clone_from(reason))
                .map(|_| Touched::Nothing),
            Event::ToolInvoked { .. } => self
                .change_open(event, |attempt| {
                    attempt.waiting.clear();
                    attempt.tool_calls += 1;
                })
                .map(|_| Touched::Nothing),
            Event::SubmissionAccepted { handed_in, .. } => {
                let attempt = self.open_before_checks(event)?;
                if attempt.submission.is_some() {
                    return Err(illegal(format!("attempt {} has handed in something", attempt.number)));
                }
                self.change_open(event, |attempt| {
                    attempt.confidence = handed_in.confidence();
                    attempt.submission = Some(Box::new(handed_in.clone()));
                })
            }
            Event::NoteTaken { note, .. } => {
                self.change_open(event, |attempt| attempt.notes.push(note.clone())).map(|_| Touched::Nothing)
            }
            Event::AgentNudged { .. } => self.change_open(event, |attempt| attempt.nudged = true),
            Event::ReferencesMoved { moved, .. } => {
                self.change_open(event, |attempt| attempt.moved.clone_from(moved))
            }
            Event::FilesApplied { .. } => self.change_open(event, |attempt| attempt.files_applied = true),
            Event::WorktreeAdded { path, branch, base, from, .. } => {
                let (place, _) = self.open_place(event)?;
                // One that was taken away and is there again is on the same branch, but for what is only looked at.
                let before = self.tasks[place].tree.take();
                let tip = before.filter(|_| !self.tasks[place].spec.is_detached()).and_then(|tree| tree.tip);
                self.tasks[place].tree = Some(Box::new(TaskTree {
                    path: path.clone(),
                    branch: branch.clone(),
                    base: base.clone(),
                    from: from.clone(),
                    tip,
                    astray: Vec::new(),
                    unkept: None,
                    removed: false,
                }));
                self.tasks[place].version += 1;
                Ok(Touched::Task(place))
            }
            Event::WorkKept { task, attempt, commit, reference, astray, missing, .. } => {
                let place = self.place_of(task).map_err(illegal)?;
                let task = &mut self.tasks[place];
                // What was left behind is found, and kept, long after its attempt has ended too.
                if *attempt as usize > task.attempts.len() {
                    return Err(illegal(format!("there is no attempt {attempt} of {}", task.spec.id)));
                }
                if let Some(tree) = task.tree.as_mut().filter(|tree| reference_of(&tree.branch) == *reference)
                {
                    tree.tip = Some(commit.clone());
                    tree.astray.clone_from(astray);
                    tree.unkept = missing.first().cloned();
                }
                task.version += 1;
                Ok(Touched::Task(place))
            }
            Event::ConflictGiven { task, number, agent, sides, inside, .. } => {
                self.place_of(task).map_err(illegal)?;
                if *number as usize != self.resolutions.len() + 1 {
                    return Err(illegal(format!("the next conflict is not number {number}")));
                }
                self.resolutions.push(Resolution {
                    task: task.clone(),
                    number: *number,
                    agent: agent.clone(),
                    sides: sides.clone(),
                    inside: inside.clone(),
                    standing: Standing::Given,
                });
                Ok(Touched::Nothing)
            }
            Event::ConflictResolved { task, number, tree, reference, .. } => {
                let given = self.resolution(task, *number).map_err(illegal)?;
                if given.standing != Standing::Given {
                    return Err(illegal(format!("nobody works on conflict {number}")));
                }
                given.standing = Standing::Resolved { tree: tree.clone(), reference: reference.clone() };
                Ok(Touched::Nothing)
            }
            Event::ConflictLeft { task, number, .. } => {
                let given = self.resolution(task, *number).map_err(illegal)?;
                if given.standing == Standing::Left {
                    return Err(illegal(format!("conflict {number} is left already")));
                }
                given.standing = Standing::Left;
                Ok(Touched::Nothing)
            }
            Event::MergeBegun { merging } => {
                self.places_of(merging).map_err(illegal)?;
                self.merging = Some(Box::new(merging.clone()));
                Ok(Touched::Nothing)
            }
            Event::WorkMerged { merging } => {
                for (place, merged) in
                    self.places_of(merging).map_err(illegal)?.into_iter().zip(&merging.tasks)
                {
                    self.tasks[place].landed.push(Landed::of(merging, merged));
                }
                self.merging = None;
                Ok(Touched::Nothing)
            }
            Event::MergeGivenUp { into, to, .. } => {
                let is_meant = |begun: &Merging| begun.into == *into && begun.to == *to;
                if !self.merging.as_deref().is_some_and(is_meant) {
                    return Err(illegal(format!("no merge into {into} has begun")));
                }
                self.merging = None;
                Ok(Touched::Nothing)
            }
            Event::WorktreeRemoved { task, .. } => {
                let place = self.place_of(task).map_err(illegal)?;
                let task = &mut self.tasks[place];
                if task.last().is_some_and(Attempt::is_open) {
                    return Err(illegal(format!("an attempt of {} works there", task.spec.id)));
                }
                let tree = task.tree.as_mut();
                tree.ok_or_else(|| illegal("the task has no work tree of its own".into()))?.removed = true;
                task.version += 1;
                Ok(Touched::Task(place))
            }
            Event::TreeChecked { check, .. } => {
                self.change_open(event, |attempt| attempt.tree = Some(Box::new(check.clone())))
            }
            Event::VerificationEnded { .. } => self.change_open(event, |_| {}).map(|_| Touched::Nothing),
            Event::VerificationStarted { .. } => self.change_open(event, |attempt| {
                attempt.waiting.clear();
                attempt.state = AttemptState::Verifying;
            }),
            Event::GateOpened { gate, task, attempt, about, expires_at } => {
                let place = self.place_of(task).map_err(illegal)?;
                self.open_gate(place, *gate, *attempt, about).map_err(illegal)?;
                self.gates.push(Gate {
                    id: *gate,
                    task: task.clone(),
                    attempt: *attempt,
                    about: about.clone(),
                    opened_at: at,
                    expires_at: *expires_at,
                    decided: None,
                });
                Ok(Touched::Task(place))
            }
            Event::GateDecided { gate, task, decision, by, note } => {
                let decided = Decided { decision: decision.clone(), by: by.clone(), note: note.clone(), at };
                self.decide_gate(*gate, task, decided).map(Touched::Task).map_err(illegal)
            }
            Event::TaskAccepted { task, by, note } => {
                let place = self.place_of(task).map_err(illegal)?;
                if self.tasks[place].state != TaskState::NeedsReview {
                    return Err(illegal(format!("task {task} is {}", self.tasks[place].state)));
                }
                self.shift(place, TaskState::Completed).map_err(illegal)?;
                let colon = if note.is_empty() { "" } else { ": " };
                self.tasks[place].reason = format!("accepted by {by}{colon}{note}");
                self.tasks[place].dead_letter = None;
                Ok(Touched::Task(place))
            }
            Event::TaskRequeued { task, by, reason, asked } => {
                let place = self.place_of(task).map_err(illegal)?;
                if !self.tasks[place].state.is_settled() {
                    return Err(illegal(format!("task {task} is {}", self.tasks[place].state)));
                }
                let other_agent = asked.agent.is_some() || asked.model.is_some();
                let failed = requeue::error_of(&self.tasks[place]).map(|(kind, _)| kind);
                if other_agent && !self.tasks[place].spec.is_for_agent() {
                    return Err(illegal(format!("no agent works on {task}")));
                }
                match (&asked.sent_by, self.tasks[place].state) {
                    // What a review found is the one reason for which finished work goes back.
                    (Some(_), TaskState::Completed) => self.move_to(place, TaskState::Queued),
                    _ => self.shift(place, TaskState::Queued).map_err(illegal)?,
                }
                let task = &mut self.tasks[place];
                task.sent_back = asked.sent_by.is_some();
                task.reason.clone_from(reason);
                task.gate_error = None;
                task.unanswered = 0;
                task.attempts_before = task.attempts.len();
                task.put_back_at = Some(at);
                task.asked_for = true;
                task.dead_letter = None;
                asked.change(&mut task.spec.work);
                task.words.extend(asked.word(by, failed));
                Ok(Touched::Task(place))
            }
            Event::ReviewRoundBegun { task, reviewers, round, note } => {
                self.begin_round(task, reviewers, *round, note).map_err(illegal)
            }
            Event::TaskDeadLettered { task, attempt, why, by, note, last_error, tail } => {
                let place = self.place_of(task).map_err(illegal)?;
                let task = &mut self.tasks[place];
                let fits = match why {
                    Why::DeadLooks => task.state == TaskState::Running && task.dead_letter.is_none(),
                    Why::Exhausted | Why::ByHand => task.may_be_given_up(),
                };
                if !fits || *attempt as usize > task.attempts.len() {
                    let state = task.state;
                    return Err(illegal(format!("task {} is {state}, or was given up before", task.spec.id)));
                }
                task.dead_letter = Some(Box::new(DeadLetter {
                    attempt: *attempt,
                    why: *why,
                    by: by.clone(),
                    note: note.clone(),
                    last_error: last_error.clone(),
                    tail: tail.clone(),
                    at,
                }));
                task.version += 1;
                Ok(Touched::Task(place))
            }
            Event::DeadLetterDropped { task, .. } => {
                let place = self.place_of(task).map_err(illegal)?;
                let task = &mut self.tasks[place];
                if task.dead_letter.take().is_none() {
                    return Err(illegal(format!("task {} is no dead letter", task.spec.id)));
                }
                task.version += 1;
                Ok(Touched::Task(place))
            }
            Event::AttemptEnded {
                outcome,
                error_kind,
                reason,
                ending,
                usage,
                summary,
                again,
                limited,
                unkept,
                ..
            } => {
                let (place, number) = self.open_place(event)?;
                if again.is_some() && self.tasks[place].cancel.is_some() {
                    return Err(illegal("what is cancelled is not tried again".into()));
                }
                if again.is_some() && *outcome == Outcome::Succeeded {
                    return Err(illegal("what succeeded is not tried again".into()));
                }
                let paused = self.tasks[place].waits_for.is_some();
                if paused && (*outcome != Outcome::Succeeded || again.is_some()) {
                    return Err(illegal("its gate is open, so it cannot have failed".into()));
                }
                let next = match again {
                    Some(_) => TaskState::Queued,
                    None if paused => TaskState::AwaitingInput,
                    None => outcome.settles_as(),
                };
                self.shift(place, next).map_err(illegal)?;
                let task = &mut self.tasks[place];
                let is_review = task.spec.reviews.is_some();
                task.not_before = again.as_ref().map(|again: &Again| again.not_before);
                task.reason.clone_from(reason);
                task.given_up_with_others = *outcome == Outcome::Cancelled && reason == FAIL_FAST;
                if let Some(attempt) = task.attempts.last_mut() {
                    attempt.state = AttemptState::Ended(*outcome);
                    attempt.ended_at = Some(at);
                    attempt.paused = paused;
                    // What a review comes to is what its reviewers have handed in.
                    attempt.submission = attempt.submission.take().filter(|_| is_review);
                    let surplus = attempt.notes.len().saturating_sub(KEPT_NOTES);
                    attempt.notes.drain(..surplus);
                    attempt.waiting.clear();
                    attempt.error_kind = *error_kind;
                    attempt.limited.clone_from(limited);
                    attempt.reason.clone_from(reason);
                    attempt.ending = ending.clone();
                    attempt.usage = *usage;
                    attempt.summary.clone_from(summary);
                    attempt.unkept.clone_from(unkept);
                }
                if let Some(tree) = task.tree.as_mut().filter(|_| !unkept.is_empty()) {
                    tree.unkept = Some(unkept.clone());
                }
                Ok(Touched::TaskAndAttempt(place, number))
            }
        }
    }

    /// Moves what is to happen at a time, and since when time counts, by milliseconds.
    fn move_times(&mut self, millis: i64) {
        self.owned_since = self.owned_since.map(|at| at.moved(millis));
        for task in &mut self.tasks {
            task.not_before = task.not_before.map(|at| at.moved(millis));
        }
        for gate in self.gates.iter_mut().filter(|gate| gate.decided.is_none()) {
            gate.expires_at = gate.expires_at.map(|at| at.moved(millis));
        }
    }

    fn add_task(&mut self, spec: &TaskSpec) -> Result<Touched, String> {
        if self.index.contains_key(&spec.id) {
            return Err(format!("there is a task {} already", spec.id));
        }
        self.index.insert(spec.id.clone(), self.tasks.len());
        self.counts.add(TaskState::Queued, spec.continue_on_error, 1);
        self.tasks.push(Task {
            spec: spec.clone(),
            state: TaskState::Queued,
            version: 1,
            attempts: Vec::new(),
            reason: String::new(),
            skipped_by_condition: false,
            given_up_with_others: false,
            not_before: None,
            waits_for: None,
            may_start: false,
            plan_approved: false,
            unanswered: 0,
            words: Vec::new(),
            gate_error: None,
            cancel: None,
            tree: None,
            landed: Vec::new(),
            attempts_before: 0,
            put_back_at: None,
            sent_back: false,
            dead_letter: None,
            round: None,
            asked_for: false,
        });
        Ok(Touched::Task(self.tasks.len() - 1))
    }

    /// Returns for how long dispatchers have owned it, up to now where one does.
    pub fn worked_until(&self, now: Time) -> Duration {
        self.worked + self.owned_since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Lets a gate hold a task: one that is queued at once, one that is worked on when its attempt ends.
    fn open_gate(
        &mut self,
        place: usize,
        gate: GateId,
        attempt: Option<u32>,
        about: &About,
    ) -> Result<(), String> {
        let task = &self.tasks[place];
        let id = &task.spec.id;
        if let Some(open) = task.waits_for {
            return Err(format!("gate {open} of {id} is open"));
        }
        if self.gate(gate).is_some() {
            return Err(format!("there is a gate {gate} already"));
        }
        match (about, attempt) {
            (About::Start { .. }, None) if task.may_start => return Err(format!("{id} may start")),
            (About::Start { .. }, None) => {
                if task.state != TaskState::Queued {
                    return Err(format!("task {id} is {}", task.state));
                }
                self.shift(place, TaskState::AwaitingInput)?;
            }
            (About::Start { .. }, Some(_)) | (_, None) => return Err(format!("{id} cannot wait for that")),
            (_, Some(number)) => match task.last() {
                Some(last) if last.number == number && last.is_open() => {}
                _ => return Err(format!("attempt {number} of {id} is not open")),
            },
        }
        self.tasks[place].waits_for = Some(gate);
        self.tasks[place].version += 1;
        Ok(())
    }

    /// Lets a decision happen to its gate and its task.
    fn decide_gate(&mut self, id: GateId, task: &TaskId, decided: Decided) -> Result<usize, String> {
        let place = self.place_of(task)?;
        let found = self.gates.iter().position(|gate| gate.id == id && gate.task == *task);
        let at = found.ok_or_else(|| format!("{task} has no gate {id}"))?;
        if self.gates[at].decided.is_some() {
            return Err(format!("gate {id} is decided"));
        }
        if self.tasks[place].state != TaskState::AwaitingInput {
            return Err(format!("task {task} is {}", self.tasks[place].state));
        }
        let follows = gate::consequence(&self.gates[at], &self.tasks[place].spec.work, &decided)?;
        self.shift(place, follows.state)?;
        let approved = decided.decision == Decision::Approved;
        let overdue = self.gates[at].is_overdue(decided.at);
        let task = &mut self.tasks[place];
        match &self.gates[at].about {
            About::Start { .. } => task.may_start |= approved,
            About::Plan { .. } => task.plan_approved |= approved,
            About::Result { .. } | About::Question { .. } => {}
        }
        task.unanswered = if overdue { task.unanswered + 1 } else { 0 };
        task.waits_for = None;
        task.reason = follows.reason;
        task.gate_error = follows.error_kind;
        task.words.extend(follows.word);
        self.gates[at].decided = Some(decided);
        Ok(place)
    }

    fn place_of(&self, task: &TaskId) -> Result<usize, String> {
        self.place(task).ok_or_else(|| format!("there is no task {task}"))
    }

    /// Returns a conflict of a task that an agent was given.
    fn resolution(&mut self, task: &TaskId, number: u32) -> Result<&mut Resolution, String> {
        let given = self.resolutions.iter_mut().find(|given| given.number == number && given.task == *task);
        given.ok_or_else(|| format!("no agent was given conflict {number} of {task}"))
    }

    /// Returns the places of the tasks that are merged.
    fn places_of(&self, merging: &Merging) -> Result<Vec<usize>, String> {
        merging.tasks.iter().map(|merged| self.place_of(&merged.task)).collect()
    }

    /// Moves a task to another state, where that is legal.
    fn shift(&mut self, place: usize, next: TaskState) -> Result<(), String> {
        let task = &mut self.tasks[place];
        if !task.state.may_become(next) {
            return Err(format!("task {} is {}, it cannot become {next}", task.spec.id, task.state));
        }
        self.move_to(place, next);
        Ok(())
    }

    fn move_to(&mut self, place: usize, next: TaskState) {
        let task = &mut self.tasks[place];
        let lenient = task.spec.continue_on_error;
        self.counts.remove(task.state, lenient);
        self.counts.add(next, lenient, 1);
        task.state = next;
        task.given_up_with_others = false;
        if next.is_settled() {
            task.cancel = None;
        }
        task.version += 1;
    }

    /// Returns the task and the number of the open attempt that an event belongs to.
    fn open_place(&self, event: &Event) -> Result<(usize, u32), Illegal> {
        let illegal = |why: String| Illegal { kind: event.kind(), why };
        let (Some(task), Some(number)) = (event.task(), event.attempt()) else {
            return Err(illegal("it names no attempt".into()));
        };
        let place = self.place_of(task).map_err(illegal)?;
        match self.tasks[place].last() {
            Some(attempt) if attempt.number == number && attempt.is_open() => Ok((place, number)),
            _ => Err(illegal(format!("attempt {number} of {task} is not open"))),
        }
    }

    /// Returns the open attempt that an event belongs to, where its work is not being checked yet.
    fn open_before_checks(&self, event: &Event) -> Result<&Attempt, Illegal> {
        let (place, number) = self.open_place(event)?;
        let attempt = &self.tasks[place].attempts[number as usize - 1];
        match attempt.state {
            AttemptState::Starting | AttemptState::Running => Ok(attempt),
            AttemptState::Verifying | AttemptState::Ended(_) => {
                let why = format!("the work of attempt {number} is being checked");
                Err(Illegal { kind: event.kind(), why })
            }
        }
    }

    fn change_open(&mut self, event: &Event, change: impl FnOnce(&mut Attempt)) -> Result<Touched, Illegal> {
        let (place, number) = self.open_place(event)?;
        let task = &mut self.tasks[place];
        if let Some(attempt) = task.attempts.last_mut() {
            change(attempt);
        }
        task.version += 1;
        Ok(Touched::TaskAndAttempt(place, number))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::task::Work;

    pub(crate) fn spec(id: &str, depends_on: &[&str]) -> TaskSpec {
        let work = Work::Command { run: "true".into() };
        let depends_on = depends_on.iter().map(|id| TaskId::parse(id).unwrap()).collect();
        TaskSpec { depends_on, ..TaskSpec::plain(TaskId::parse(id).unwrap(), work) }
    }

    /// The event that makes a run of which nothing special is said.
    pub(crate) fn run_created() -> Event {
        run_created_by("0")
    }

    /// The same by a certain version of crew.
    pub(crate) fn run_created_by(version: &str) -> Event {
        Event::RunCreated {
            goal: "g".into(),
            team: "t".into(),
            workflow: "w".into(),
            limits: RunLimits { jobs: 2, ..RunLimits::default() },
            personas: BTreeMap::new(),
            vars: BTreeMap::new(),
            roster: vec![],
            base: None,
            review: None,
            caller: None,
            crew_version: version.into(),
        }
    }

    pub(crate) fn run_of(specs: Vec<TaskSpec>) -> Run {
        let created = run_created();
        let mut run = Run::create(RunId::from_random(1), Time(0), &created).unwrap();
        for spec in specs {
            run.apply(Time(0), &Event::TaskCreated { spec }).unwrap();
        }
        run
    }

    pub(crate) fn started(id: &str, attempt: u32) -> Event {
        Event::AttemptStarted {
            task: TaskId::parse(id).unwrap(),
            attempt,
            agent: "sh".into(),
            model: None,
            token_hash: String::new(),
            log: String::new(),
            folder: None,
        }
    }

    pub(crate) fn ended(id: &str, attempt: u32, outcome: Outcome, again: Option<Again>) -> Event {
        Event::AttemptEnded {
            task: TaskId::parse(id).unwrap(),
            attempt,
            outcome,
            error_kind: None,
            reason: String::new(),
            ending: Default::default(),
            usage: Default::default(),
            summary: String::new(),
            again,
            not_again: None,
            limited: None,
            unkept: String::new(),
        }
    }

    pub(crate) fn agent_spec(id: &str, program: &str) -> TaskSpec {
        let work = Work::Agent {
            role: "executor".into(),
            program: program.into(),
            persona: String::new(),
            task: String::new(),
            model: None,
            fallback_models: Vec::new(),
            thinking: None,
            writes: true,
            submit_optional: true,
        };
        TaskSpec::plain(TaskId::parse(id).unwrap(), work)
    }

    #[test]
    fn a_run_is_what_its_tasks_are() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &[])]);
        assert_eq!(run.status(false), RunStatus::Queued);
        run.apply(Time(1), &started("a", 1)).unwrap();
        assert_eq!(run.status(true), RunStatus::Running);
        run.apply(Time(2), &ended("a", 1, Outcome::Succeeded, None)).unwrap();
        run.apply(Time(3), &started("b", 1)).unwrap();
        run.apply(Time(4), &ended("b", 1, Outcome::NeedsReview, None)).unwrap();
        assert_eq!(run.status(true), RunStatus::NeedsReview);
    }

    #[test]
    fn an_ended_attempt_takes_no_second_end() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &ended("a", 1, Outcome::Failed, None)).unwrap();
        let late = run.apply(Time(3), &ended("a", 1, Outcome::Succeeded, None)).unwrap_err();
        assert_eq!(late.to_string(), "attempt_ended cannot follow: attempt 1 of a is not open");
        assert_eq!(run.tasks[0].state, TaskState::Failed);
    }

    #[test]
    fn nothing_that_comes_late_changes_an_ended_attempt() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &ended("a", 1, Outcome::Failed, None)).unwrap();
        let before = run.tasks[0].attempts[0].clone();
        let says = [
            r#""kind":"session_started","session":"s""#,
            r#""kind":"process_started","process":{"pid":1,"start":1,"boot":"b"}"#,
            r#""kind":"tool_invoked","tool":"sh","arguments":"","result":"ok","millis":1"#,
            r#""kind":"agent_waited","reason":"r""#,
            r#""kind":"submission_accepted","request":"r","noop":{"reason":"r"}"#,
            r#""kind":"note_taken","request":"r","progress":{"message":"half"}"#,
            r#""kind":"agent_nudged""#,
            r#""kind":"files_applied","files":[]"#,
            r#""kind":"references_moved","moved":[{"reference":"r","to":"t"}]"#,
            r#""kind":"work_kept","commit":"c","reference":"r","files":1,"insertions":1,"deletions":0"#,
            r#""kind":"verification_started""#,
            r#""kind":"attempt_ended","outcome":"succeeded","summary":"all is well""#,
        ];
        for says in says {
            let late = serde_json::from_str(&format!(r#"{{{says},"task":"a","attempt":1}}"#)).unwrap();
            // Some of it is taken in, for the record and for the task.
            let _ = run.apply(Time(3), &late);
            assert!(run.tasks[0].attempts == std::slice::from_ref(&before), "{says}");
        }
    }

    #[test]
    fn what_does_not_fit_an_open_attempt_is_refused() {
        let event = |text: &str| serde_json::from_str::<Event>(text).unwrap();
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let cancelled = event(r#"{"kind":"task_cancelled","task":"a","reason":"r"}"#);
        assert!(run.apply(Time(2), &cancelled).is_err(), "its attempt would stay open for ever");
        let again = Again { not_before: Time(9), reason: "r".into() };
        assert!(run.apply(Time(2), &ended("a", 1, Outcome::Succeeded, Some(again))).is_err());
        let noop =
            r#"{"kind":"submission_accepted","task":"a","attempt":1,"request":"r","noop":{"reason":"r"}}"#;
        run.apply(Time(2), &event(noop)).unwrap();
        assert!(run.apply(Time(3), &event(noop)).is_err(), "one attempt hands in one thing");
        run.apply(Time(3), &event(r#"{"kind":"verification_started","task":"a","attempt":1}"#)).unwrap();
        let process = r#""process":{"pid":1,"start":1,"boot":"b"}"#;
        let restarted = event(&format!(r#"{{"kind":"process_started","task":"a","attempt":1,{process}}}"#));
        assert!(run.apply(Time(4), &restarted).is_err(), "it is being checked");
        run.apply(Time(5), &ended("a", 1, Outcome::Succeeded, None)).unwrap();
    }

    #[test]
    fn a_task_that_is_tried_again_is_queued_with_a_second_attempt() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let again = Again { not_before: Time(9), reason: "auto_retry".into() };
        run.apply(Time(2), &ended("a", 1, Outcome::Failed, Some(again))).unwrap();
        assert_eq!((run.tasks[0].state, run.tasks[0].not_before), (TaskState::Queued, Some(Time(9))));
        assert!(run.apply(Time(3), &started("a", 1)).is_err());
        run.apply(Time(9), &started("a", 2)).unwrap();
    }

    #[test]
    fn a_tolerated_failure_leaves_the_run_completed() {
        let mut lenient = spec("a", &[]);
        lenient.continue_on_error = true;
        let mut run = run_of(vec![lenient]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &ended("a", 1, Outcome::Failed, None)).unwrap();
        assert_eq!(run.status(true), RunStatus::Completed);
    }

    #[test]
    fn open_tasks_without_a_living_dispatcher_are_interrupted() {
        let mut run = run_of(vec![spec("a", &[])]);
        let process = ProcessId { pid: 1, start: 1, boot: "b".into() };
        run.apply(Time(1), &Event::DispatcherStarted { process }).unwrap();
        assert_eq!(run.status(false), RunStatus::Interrupted);
        assert_eq!(run.status(true), RunStatus::Running);
    }

    #[test]
    fn what_a_person_put_back_to_the_queue_is_not_interrupted() {
        let ended_as = |state: RunStatus, outcome: Outcome| {
            let mut run = run_of(vec![spec("a", &[])]);
            let process = ProcessId { pid: 1, start: 1, boot: "b".into() };
            run.apply(Time(1), &Event::DispatcherStarted { process }).unwrap();
            run.apply(Time(1), &started("a", 1)).unwrap();
            let again = (outcome == Outcome::Cancelled)
                .then(|| Again { not_before: Time(2), reason: "interrupted".into() });
            run.apply(Time(2), &ended("a", 1, outcome, again)).unwrap();
            run.apply(Time(2), &Event::RunEnded { state }).unwrap();
            run
        };
        let stopped = ended_as(RunStatus::Interrupted, Outcome::Cancelled);
        assert_eq!(stopped.status(false), RunStatus::Interrupted);
        let mut failed = ended_as(RunStatus::Failed, Outcome::Failed);
        let back = Event::TaskRequeued {
            task: failed.tasks[0].spec.id.clone(),
            by: "Ann".into(),
            reason: String::new(),
            asked: Default::default(),
        };
        failed.apply(Time(3), &back).unwrap();
        assert_eq!((failed.status(false), failed.status(true)), (RunStatus::Queued, RunStatus::Running));
        // Whoever carries it on and dies leaves it interrupted.
        let process = ProcessId { pid: 2, start: 1, boot: "b".into() };
        failed.apply(Time(4), &Event::DispatcherStarted { process }).unwrap();
        assert_eq!(failed.status(false), RunStatus::Interrupted);
    }
}
