//! An open attempt: what its child has said and done so far, and what follows from that. Nothing here is recorded or
//! started; the dispatcher does both.

use super::child::{self, Control};
use super::end_merge::MergeInHand;
use super::folder::{FolderWatch, Seen};
use super::kept_output::KeptOutput;
use super::launch::Limits;
use super::own_tree::OwnTree;
use super::process::GroupSignal;
use super::recorder::Recorder;
use super::slots::{Heard, Part};
use crate::agents::{Agent, Said, UsageKind};
use crate::domain::budget::{Spent, Standing, What};
use crate::domain::error_kind::{ErrorClass, ErrorKind};
use crate::domain::event::{Ending, Event, Outcome, Recorded, ToolResult};
use crate::domain::id::TaskId;
use crate::domain::judgement::{self, Evidence, Judgement, StopReason, StreamError};
use crate::domain::liveness::Occupied;
use crate::domain::price::Price;
use crate::domain::redact::Redactor;
use crate::domain::result_files::ResultFile;
use crate::domain::submission::{HandedIn, Note};
use crate::domain::task::{Attempt, AttemptState, Task, TaskSpec, Work};
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use crate::domain::words::last_line;
use crate::domain::worktree::{self, TaskTree};
use crate::store::verified::Question;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most events that one attempt's stream may cause; what comes after is in the log.
const MAX_TOLD: u32 = 10_000;
/// The most tool calls of one attempt that may be open at once.
const MAX_OPEN_TOOLS: usize = 1_000;
/// The most characters of a tool call's arguments that are recorded.
const MAX_ARGUMENTS: usize = 4_096;
/// How long an agent has for its final event when it has told of the usage that was too much: most tell both at once. No
/// turn of a model is that short.
const LAST_WORD: Duration = Duration::from_millis(50);
/// The most tasks beside an attempt that are named.
const MAX_BESIDE: usize = 5;
/// Who may have worked beside an attempt, as far as crew knows.
const WHILE_DEAD: &str = "whoever changed the folder while crew was dead";
/// The most characters of a summary line.
pub const MAX_SUMMARY_LINE: usize = 300;

/// How the attempt of a child is closed that a dead crew process had left.
#[derive(Clone, Debug)]
pub struct Closing {
    /// Why it cannot be told whether the child has ended.
    pub unsure: Option<String>,
    /// What is to be said of files that it asked for.
    pub files: String,
    /// How it ended, as far as that is known.
    pub ending: Ending,
    pub usage: Usage,
}

/// An attempt that is open, as far as the record does not hold it.
pub struct OpenAttempt {
    pub number: u32,
    /// The secret by which its requests are known.
    pub token: String,
    pub part: Part,
    pub control: Arc<Control>,
    pub doing: Arc<Mutex<String>>,
    /// Takes the attempt's secrets out of what its children say.
    pub words: Arc<Redactor>,
    /// Understands the agent's output; a command has nobody who does.
    pub agent: Option<Arc<dyn Agent>>,
    pub recorder: Option<Arc<Recorder>>,
    /// Looks at the folder, where something depends on that.
    pub folder: Option<Arc<FolderWatch>>,
    /// Its own work tree, where it has one.
    pub tree: Option<Arc<OwnTree>>,
    /// How far the merge has come, where it is one.
    pub merge: MergeInHand,
    /// Why it had no folder to work in.
    pub unplaced: Option<StreamError>,
    /// Why what it left could not be kept.
    pub unkept: Option<String>,
    /// Submodules in whose folders it left files that are in no commit of theirs.
    pub astray: Vec<String>,
    /// Which references outside its branch came to hold its work, or why that could not be seen.
    pub strayed: Option<String>,
    /// What was seen of the folder last.
    pub seen: Option<Seen>,
    /// What the verification command that runs would answer for good, if it passes and leaves the folder as it is.
    pub question: Option<Question>,
    /// Tasks that were worked on in the folder at the same time.
    pub beside: Vec<String>,
    pub began: Instant,
    pub limit: Duration,
    /// When the current child has used up its time.
    pub deadline: Instant,
    pub silence: Option<Duration>,
    /// It says what it does while it works.
    pub streams: bool,
    /// Where the output of its current child is kept, where that is to go on when we die.
    pub kept: Option<KeptOutput>,
    /// Its child is another crew process's, which died.
    pub adopted: bool,
    /// Its adopted child is gone, and what it left is being kept.
    pub closing: Option<Closing>,
    /// That child worked when it was adopted.
    pub found_at_work: bool,
    /// What that one has recorded of the stream, which is told once more.
    pub recorded: RecordedBefore,
    /// The session that it told last.
    session: Option<String>,
    /// The length of the output when it last grew, and when that was.
    sound: (u64, Instant),
    /// Why the child that runs now has been asked to end.
    pub stopped: Option<StopReason>,
    /// Why the work itself was asked to end.
    pub work_stopped: Option<StopReason>,
    pub checks_passed: usize,
    /// When the group is killed that has been asked to end.
    pub kill_at: Option<Instant>,
    pub usage: Usage,
    /// What its tokens cost where it does not say.
    pub price: Option<Price>,
    /// Calls of tools that it has begun.
    calls: u64,
    /// The budget because of which it was asked to end, or is about to be.
    pub over_budget: Option<Standing>,
    /// Since when that is used up.
    over_since: Option<Instant>,
    /// What was used before the current child, where the totals that it tells leave that out.
    used_before: Usage,
    /// What earlier attempts used, where the totals that the agent tells count it once more.
    counted_before: Usage,
    /// It goes on in the session of an earlier attempt.
    pub resumed: bool,
    /// It has called a tool.
    pub acted: bool,
    /// How its first child ended, while a second one is reminded.
    first_end: Option<(Ending, Heard)>,
    pub stream_error: Option<StreamError>,
    /// The error because of which the agent last said that it waits.
    waits_for: Option<StreamError>,
    pub retry_after: Option<Duration>,
    /// The stream has told its final event.
    saw_final: bool,
    /// When it did, while the child is still there.
    pub final_at: Option<Instant>,
    /// Tool calls that have not come back, by their id.
    tools: HashMap<String, (String, String, Instant)>,
    waiting: String,
    /// How the work itself ended.
    pub ending: Ending,
    pub heard: Heard,
    /// The first verification command that failed, and how.
    pub failed_check: Option<(String, String)>,
    /// Why the files of its result were not applied.
    pub files_refused: Option<StreamError>,
    /// The log of the current child.
    pub log: PathBuf,
    /// Events that the agent's stream has caused.
    told: u32,
}

/// How much of an agent's stream a dead crew process has recorded.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecordedBefore {
    /// Sessions that began.
    pub sessions: u64,
    /// Calls of tools that came back.
    pub calls: u64,
    /// Beginnings and ends of waits.
    pub waits: u64,
    /// When its first child was there.
    pub child_began: Option<Time>,
}

impl RecordedBefore {
    /// Counts in an event of the attempt.
    pub fn count(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::ProcessStarted { .. } => self.child_began = self.child_began.or(Some(recorded.at)),
            Event::SessionStarted { .. } => self.sessions += 1,
            Event::ToolInvoked { .. } => self.calls += 1,
            Event::AgentWaited { .. } => self.waits += 1,
            _ => {}
        }
    }
}

impl RecordedBefore {
    /// Tells whether an event is one of those that are in the record, which it then counts off.
    fn holds(&mut self, event: &Event) -> bool {
        let left = match event {
            Event::SessionStarted { .. } => &mut self.sessions,
            Event::ToolInvoked { .. } => &mut self.calls,
            Event::AgentWaited { .. } => &mut self.waits,
            _ => return false,
        };
        let holds = *left > 0;
        *left = left.saturating_sub(1);
        holds
    }
}

/// Tells whether all that there is to judge is a plan that has to be approved before anything is done.
fn plans_first(task: &Task, handed_in: Option<&HandedIn>) -> bool {
    let writes = matches!(task.spec.work, Work::Agent { writes: true, .. });
    writes && task.wants_plan() && matches!(handed_in, Some(HandedIn::Plan(_)))
}

impl Said {
    /// Tells whether only a person can repair what went wrong, so that it is vain to wait.
    pub fn is_hopeless(&self) -> bool {
        matches!(self, Said::Failed { kind, .. } if kind.class() == ErrorClass::Operator && *kind != ErrorKind::Unknown)
    }
}

impl OpenAttempt {
    /// Begins an attempt whose child is about to be started. `limit` is its time where the step sets none.
    pub fn new(task: &Task, (number, token): (u32, String), log: PathBuf, limit: Duration) -> OpenAttempt {
        let limit = task.spec.timeout_millis.map_or(limit, Duration::from_millis);
        let now = Instant::now();
        OpenAttempt {
            number,
            token,
            part: Part::Work,
            control: Arc::default(),
            doing: Arc::default(),
            words: Arc::default(),
            agent: None,
            recorder: None,
            folder: None,
            tree: None,
            merge: MergeInHand::default(),
            unplaced: None,
            unkept: None,
            astray: Vec::new(),
            strayed: None,
            seen: None,
            question: None,
            beside: Vec::new(),
            began: now,
            limit,
            deadline: now + limit,
            silence: None,
            streams: false,
            kept: None,
            adopted: false,
            closing: None,
            found_at_work: false,
            recorded: RecordedBefore::default(),
            session: None,
            sound: (0, now),
            stopped: None,
            work_stopped: None,
            checks_passed: 0,
            kill_at: None,
            usage: Usage::default(),
            price: None,
            calls: 0,
            over_budget: None,
            over_since: None,
            used_before: Usage::default(),
            counted_before: Usage::default(),
            resumed: false,
            acted: false,
            first_end: None,
            stream_error: None,
            waits_for: None,
            retry_after: None,
            saw_final: false,
            final_at: None,
            tools: HashMap::new(),
            waiting: String::new(),
            ending: Ending::default(),
            heard: Heard::default(),
            failed_check: None,
            files_refused: None,
            log,
            told: 0,
        }
    }

    /// Takes in what the agent's stream says, and returns what is to be recorded of it.
    pub fn hear(&mut self, task: &Task, said: Said) -> Option<Event> {
        // An agent that goes on after its final event is not lingering.
        self.final_at = None;
        let event = self.event_of(task, said)?;
        self.told += 1;
        (self.told <= MAX_TOLD && !self.recorded.holds(&event)).then_some(event)
    }

    fn event_of(&mut self, task: &Task, said: Said) -> Option<Event> {
        let (id, attempt) = (task.spec.id.clone(), self.number);
        match said {
            Said::Message(_) | Said::MessagePart(_) => {
                // Only the first words after a wait come here.
                self.waits_for = None;
                if !std::mem::take(&mut self.waiting).is_empty() {
                    return Some(Event::AgentWaited { task: id, attempt, reason: String::new() });
                }
            }
            // Without a name there is nothing to go on in.
            Said::Session(session) if session.is_empty() => {}
            Said::Session(session) => {
                let session = self.safe(&session, 200);
                let is_known = self.session.as_ref() == Some(&session);
                self.session = Some(session.clone());
                return (!is_known).then_some(Event::SessionStarted { task: id, attempt, session });
            }
            Said::ToolStarted { id, name, arguments } => {
                self.acted = true;
                self.calls += 1;
                if self.tools.len() < MAX_OPEN_TOOLS {
                    let arguments = self.safe(&arguments, MAX_ARGUMENTS);
                    self.tools.insert(id, (self.safe(&name, 100), arguments, Instant::now()));
                }
            }
            Said::ToolEnded { id: call, result, took, .. } => {
                self.waits_for = None;
                self.waiting.clear();
                let (tool, arguments, began) = self.tools.remove(&call)?;
                let millis = took.unwrap_or_else(|| began.elapsed()).as_millis() as u64;
                return Some(Event::ToolInvoked { task: id, attempt, tool, arguments, result, millis });
            }
            Said::Usage(usage, UsageKind::Step) => self.usage.add(&usage),
            Said::Usage(usage, UsageKind::Total) => {
                self.usage = usage.without(&self.counted_before);
                self.usage.add(&self.used_before);
            }
            Said::Waiting { reason, error, retry_after } => {
                let reason = self.safe(&reason, MAX_SUMMARY_LINE);
                self.retry_after = retry_after.or(self.retry_after);
                self.waits_for = error.map(|kind| StreamError { kind, message: reason.clone() });
                if self.waiting != reason {
                    self.waiting.clone_from(&reason);
                    return Some(Event::AgentWaited { task: id, attempt, reason });
                }
            }
            Said::Failed { kind, message, retry_after } => {
                // One failure may be told twice; the first that says what it is tells the most.
                let says_more =
                    |known: &StreamError| known.kind == ErrorKind::Unknown && kind != ErrorKind::Unknown;
                if self.stream_error.as_ref().is_none_or(says_more) {
                    self.stream_error =
                        Some(StreamError { kind, message: self.safe(&message, MAX_SUMMARY_LINE) });
                    self.retry_after = retry_after.or(self.retry_after);
                }
            }
            Said::Final { ok, text } => {
                self.saw_final = true;
                self.final_at = Some(Instant::now());
                if ok {
                    // It got over what went wrong before.
                    self.stream_error = None;
                    self.waits_for = None;
                } else if self.stream_error.is_none() {
                    let message = text.as_deref().unwrap_or("the agent reported a failure");
                    let message = self.safe(message, MAX_SUMMARY_LINE);
                    self.stream_error = Some(StreamError { kind: ErrorKind::Unknown, message });
                }
            }
        }
        None
    }

    /// Returns words of the child as one line that may be kept.
    pub fn safe(&self, text: &str, max_chars: usize) -> String {
        self.words.line(text, max_chars)
    }

    /// Leaves the child no more than this much time.
    pub fn end_soon(&mut self, time: Duration) {
        self.deadline = self.deadline.min(Instant::now() + time);
    }

    /// Returns what was used so far: the cost as the agent tells it, else by the price table.
    pub fn priced_usage(&self) -> Usage {
        let cost_usd = self.usage.cost_usd.or_else(|| self.price?.of(&self.usage));
        Usage { cost_usd, ..self.usage }
    }

    /// Returns what the ledger counts of that.
    pub fn spent(&self) -> Spent {
        Spent::told(&self.priced_usage(), self.calls)
    }

    /// Takes note that a budget is used up that it spends of, and ends the child unless it is done by itself.
    pub fn note_over(&mut self, budget: Standing, now: Instant, grace: Duration) {
        if self.stopped.is_some() {
            return;
        }
        let since = *self.over_since.get_or_insert(now);
        let is_time = budget.what == What::Seconds;
        // A check of ours costs time only, and so does an agent that has come to its end.
        let is_done = matches!(self.part, Part::Check(_)) || self.final_at.is_some();
        if is_time || (!is_done && since + LAST_WORD <= now) {
            self.over_budget = Some(budget);
            self.stop(StopReason::OverBudget, grace);
        }
    }

    /// Returns when it is to be looked at whether it has come to its end with what used up its budget.
    pub fn last_word_at(&self) -> Option<Instant> {
        let is_done = matches!(self.part, Part::Check(_)) || self.final_at.is_some();
        self.over_since.filter(|_| !is_done).map(|since| since + LAST_WORD)
    }

    /// Asks the child's group to end; it is killed after the grace. The first reason stands.
    pub fn stop(&mut self, reason: StopReason, grace: Duration) {
        if self.stopped.is_none() {
            let kills_after = grace.as_millis() as u64;
            tracing::info!(log = %self.log.display(), ?reason, kills_after_ms = kills_after, "a child is asked to end");
            self.stopped = Some(reason);
            self.kill_at = Some(Instant::now() + grace);
            if !matches!(self.part, Part::Check(_)) {
                self.kept.iter().for_each(|kept| kept.note_stop(reason));
            }
            self.control.signal(GroupSignal::End);
        }
    }

    /// Returns the calls of tools that have not come back, as events: nothing more is heard of them.
    pub fn unfinished_calls(&mut self, task: &TaskId) -> Vec<Event> {
        let mut open: Vec<_> = std::mem::take(&mut self.tools).into_values().collect();
        open.sort_by_key(|(.., began)| *began);
        let event = |(tool, arguments, began): (String, String, Instant)| Event::ToolInvoked {
            task: task.clone(),
            attempt: self.number,
            tool,
            arguments,
            result: ToolResult::Unfinished,
            millis: began.elapsed().as_millis() as u64,
        };
        open.into_iter().map(event).collect()
    }

    /// Kills the group whose grace is over.
    pub fn kill_when_due(&mut self, now: Instant) {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            tracing::info!(log = %self.log.display(), "a child is killed: it did not end in time");
            self.control.signal(GroupSignal::Kill);
        }
    }

    /// Takes note that all is told that it had said when it was adopted, and how long ago it said the last of that.
    pub fn note_caught_up(&mut self, quiet: Duration) {
        let now = Instant::now();
        let then = now.checked_sub(quiet).unwrap_or(now);
        self.sound = (std::fs::metadata(&self.log).map_or(0, |log| log.len()) + self.control.heard(), then);
        // A tool that is at work was called before it fell silent.
        self.tools.values_mut().for_each(|(_, _, began)| *began = then.min(*began));
    }

    /// Takes in that what it says from now on is said by its second child, which is at work.
    pub fn note_first_ended(&mut self, heard: Heard) {
        // It ended well, or there would be no second one.
        self.ending = Ending { exit: Some(0), ..Ending::default() };
        self.heard = heard;
        let control = self.control.clone();
        self.begin_reminder();
        self.control = control;
    }

    /// Tells whether an agent that nobody saw end, and that handed in nothing, is judged by what it said.
    pub fn has_said_how_it_ended(&self, task: &Task) -> bool {
        let may_hand_in_nothing = matches!(task.spec.work, Work::Agent { submit_optional: true, .. });
        let is_read = may_hand_in_nothing || task.spec.reviews.is_some();
        self.error_of_stream().is_some() || (self.saw_final && is_read)
    }

    /// Tells whether the agent came to its end by itself, and has handed in nothing.
    pub fn ended_in_silence(&self, task: &Task) -> bool {
        let clean = match self.work_stopped {
            None => self.ending.is_clean() && self.ending.not_started.is_none(),
            Some(reason) => reason == StopReason::Lingering,
        };
        let has_finished = self.saw_final || !self.agent.as_ref().is_some_and(|agent| agent.promises_final());
        let silent = task.last().is_some_and(|attempt| attempt.submission.is_none());
        clean && has_finished && silent && self.error_of_stream().is_none()
    }

    /// Takes in a sign of life that is no output.
    pub fn note_alive(&mut self) {
        self.sound.1 = Instant::now();
    }

    /// Returns how long ago its last sign of life is, as far as somebody looked.
    pub fn quiet(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.sound.1)
    }

    /// Returns what it is occupied with. `starting` tells whether its child is still to be started.
    pub fn occupied(&self, starting: bool) -> Occupied {
        let by_crew = starting || self.stopped.is_some() || self.control.has_ended();
        match () {
            () if by_crew || matches!(self.part, Part::Check(_)) => Occupied::Crew,
            () if !self.streams => Occupied::Mute,
            () if !self.tools.is_empty() => Occupied::Tool,
            () if !self.waiting.is_empty() => Occupied::Waits,
            () => Occupied::Works,
        }
    }

    /// Lets its limits count from later on: nobody has listened to it for so long.
    pub fn move_times(&mut self, by: Duration) {
        self.deadline += by;
        self.sound.1 += by;
        for moment in [&mut self.final_at, &mut self.over_since] {
            *moment = moment.map(|at| at + by);
        }
    }

    /// Takes in a note, which is a sign of life.
    pub fn note(&mut self, note: &Note) {
        self.sound.1 = Instant::now();
        if let Note::Progress(_) = note {
            *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = note.words();
        }
    }

    /// Tells which limit the child is over, where it has not been asked to end already.
    pub fn over_limit(&mut self, now: Instant, limits: &Limits) -> Option<StopReason> {
        // What the child left may be looked at for longer than it had time.
        if self.stopped.is_some() || self.control.has_ended() {
            return None;
        }
        let length = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        // A line that has not ended is not in the log yet.
        let (heard, sound) = (self.control.heard(), length + self.control.heard());
        // A tool that is at work is no silence; the time of the attempt limits it all the same.
        if sound != self.sound.0 || !self.tools.is_empty() {
            self.sound = (sound, now);
        }
        let quiet_for = now - self.sound.1;
        match () {
            () if self.deadline <= now => Some(StopReason::OutOfTime),
            () if self.final_at.is_some_and(|at| at + limits.grace <= now) => Some(StopReason::Lingering),
            () if length.max(heard) > limits.output_bytes => Some(StopReason::TooMuchOutput),
            () if self.silence.is_some_and(|silence| quiet_for >= silence) => Some(StopReason::Silent),
            () => None,
        }
    }

    /// Returns why crew ended the attempt, where it did.
    pub fn why_stopped(&self) -> Option<StopReason> {
        self.stopped.filter(|reason| reason.is_wish()).or(self.work_stopped)
    }

    /// Returns the files of its result that are to be applied now that it has ended, unless it failed or will be done
    /// again.
    pub fn files_to_apply<'a>(&self, task: &'a Task) -> Option<&'a [ResultFile]> {
        let wished = matches!(
            self.why_stopped(),
            Some(StopReason::Interrupted | StopReason::FailFast | StopReason::Cancelled)
        );
        let ended_before = self.ending.is_clean() && task.spec.verify.is_empty();
        let failed = self.ending.not_started.is_some() || self.error_of_stream().is_some();
        task.last()?.files_to_apply().filter(|_| !failed && (!wished || ended_before))
    }

    /// Returns the error that its stream ended with, or that it was still waiting for.
    fn error_of_stream(&self) -> Option<StreamError> {
        self.stream_error.clone().or_else(|| self.waits_for.clone().filter(|_| !self.saw_final))
    }

    /// Takes in what the record says of an attempt whose work was kept when its crew process died.
    pub fn note_taken_up(
        &mut self,
        spec: &TaskSpec,
        left: &Attempt,
        ending: Ending,
        tree: Option<&TaskTree>,
    ) {
        self.ending = ending;
        self.seen = Some(Seen { check: left.tree.as_deref().cloned(), ..Seen::default() });
        self.strayed = worktree::against(spec, &left.moved);
        match left.tree.as_ref().is_some_and(|tree| tree.shared) {
            true if self.beside.is_empty() => self.note_beside(WHILE_DEAD),
            true => {}
            // Whoever was there came when it had ended.
            false => self.beside.clear(),
        }
        if let Some(tree) = tree {
            self.unkept.clone_from(&tree.unkept);
            self.astray.clone_from(&tree.astray);
        }
    }

    /// Tells whether it worked in a work tree of its own whose folder is something else by now.
    pub fn is_misplaced(&self) -> bool {
        self.tree.as_ref().is_some_and(|tree| tree.wrong().is_some())
    }

    /// Takes in that it was asked to end while its work was being kept.
    pub fn note_stop_meanwhile(&mut self) {
        self.kill_at = None;
        if let Some(reason) = self.stopped.take() {
            self.work_stopped = self.work_stopped.or(Some(reason));
        }
    }

    /// Tells whether the folder that it shares with others has something of it that could get lost: it changed
    /// something, and whether that is any good is not settled yet.
    pub fn leaves_doubtful_work(&self, task: &Task) -> bool {
        let check = self.seen.as_ref().and_then(|seen| seen.check.as_ref());
        let changed = check.is_some_and(|check| check.changed_work() || !check.unseen.is_empty());
        let submission = task.last().and_then(|attempt| attempt.submission.as_deref());
        let good = self.judge(task, submission).outcome == Outcome::Succeeded;
        changed && !(good && task.spec.verify.is_empty())
    }

    /// Tells whether the step's verification commands have anything to verify.
    pub fn is_worth_checking(&self, task: &Task) -> bool {
        if self.files_refused.is_some() {
            return false;
        }
        let handed_in = task.last().and_then(|attempt| attempt.submission.as_deref());
        if handed_in.is_some_and(HandedIn::asks_a_person) || plans_first(task, handed_in) {
            return false;
        }
        let enough = match &task.spec.work {
            // Its commands verify what it has not brought yet.
            Work::Merge { .. } => false,
            Work::Command { .. } => self.ending.exit == Some(0),
            Work::Agent { submit_optional, .. } => {
                handed_in.is_some() || (*submit_optional && self.ending.exit == Some(0))
            }
        };
        // An error that seemed hopeless and was got over is no reason to leave the work unchecked.
        let over = |reason| !matches!(reason, StopReason::Lingering | StopReason::Hopeless);
        let given_up = self.work_stopped.is_some_and(over);
        let sensible = enough && !given_up && self.stream_error.is_none() && !task.spec.verify.is_empty();
        sensible && !judgement::is_refuted(&task.spec, &self.evidence(task, handed_in))
    }

    /// Notes that another task is worked on in the folder too.
    pub fn note_beside(&mut self, other: &str) {
        if self.beside.len() < MAX_BESIDE && !self.beside.iter().any(|known| known == other) {
            self.beside.push(other.to_owned());
        }
    }

    /// Takes note that a child runs: its silence counts from now, and the attempt's time from its first child.
    pub fn note_started(&mut self) {
        let now = Instant::now();
        self.sound.1 = now;
        if self.first_end.is_none() {
            self.deadline = now + self.limit;
        }
    }

    /// Takes note that it goes on in a session in which earlier attempts have used something.
    pub fn resume(&mut self, agent: &dyn Agent, session: &str, task: &Task) {
        self.resumed = true;
        if agent.usage_spans_session() {
            let of_session = |attempt: &&Attempt| attempt.session.as_deref() == Some(session);
            let earlier = task.attempts.iter().filter(|attempt| attempt.number < self.number);
            earlier.filter(of_session).for_each(|attempt| self.counted_before.add(&attempt.usage));
        }
    }

    /// Tells whether the agent ended well, has handed in nothing and can be reminded in its session, which is returned.
    pub fn forgot_to_submit(&self, task: &Task) -> Option<String> {
        let agent = self.agent.as_ref().filter(|agent| agent.resumes_sessions())?;
        let attempt = task.last()?;
        let has_to = matches!(task.spec.work, Work::Agent { submit_optional: false, .. });
        let clean = match self.work_stopped {
            None => self.ending.exit == Some(0),
            Some(reason) => reason == StopReason::Lingering,
        };
        let ended_well = clean && self.stream_error.is_none() && (self.saw_final || !agent.promises_final());
        // Whoever saw it begin is dead, and its secret with it.
        let silent = attempt.submission.is_none() && !attempt.nudged && has_to && !self.adopted;
        attempt.session.clone().filter(|_| ended_well && silent && Instant::now() < self.deadline)
    }

    /// Makes room for the child that is reminded, in the same attempt and within its time.
    pub fn begin_reminder(&mut self) {
        self.first_end = Some((self.ending.clone(), std::mem::take(&mut self.heard)));
        self.part = Part::Reminder;
        self.control = Arc::default();
        self.work_stopped = None;
        self.saw_final = false;
        self.waits_for = None;
        self.tools.clear();
        if !self.agent.as_ref().is_some_and(|agent| agent.usage_spans_session()) {
            self.used_before = self.usage;
        }
    }

    /// Takes in how the agent's child ended, the only one or the second.
    pub fn note_end(&mut self, task: &Task, ending: Ending, heard: Heard, limits: &Limits) {
        let ending = Ending { odd_lines: heard.odd_lines, ..ending };
        // One that was fast enough to end between two looks has printed too much all the same.
        let too_much = ending.output_bytes > limits.output_bytes;
        self.work_stopped = self.stopped.take().or(too_much.then_some(StopReason::TooMuchOutput));
        self.ending = ending;
        self.heard = heard;
        let Some((first, heard)) = self.first_end.take() else { return };
        self.ending = first.followed_by(&self.ending);
        let by_wish = self.work_stopped.is_some_and(StopReason::is_wish);
        if !by_wish && task.last().is_some_and(|attempt| attempt.submission.is_none()) {
            // The reminder was in vain, and however that went, the attempt ended the way it had before.
            self.ending =
                Ending { exit: first.exit, signal: first.signal, not_started: None, ..self.ending.clone() };
            self.heard = heard;
            (self.work_stopped, self.stream_error, self.saw_final) = (None, None, true);
            if first.exit != Some(0) {
                self.work_stopped = Some(StopReason::Lingering);
            }
        }
    }

    /// Says in words how a verification command failed.
    pub fn how_a_check_failed(&self, ending: &Ending) -> String {
        match self.stopped {
            Some(StopReason::OverBudget) => "a budget was used up".into(),
            Some(StopReason::OutOfTime) => "it did not end within its time".into(),
            Some(StopReason::TooMuchOutput) => "it printed more than is allowed".into(),
            _ => judgement::ending_words(ending),
        }
    }

    /// Takes in what was seen of the folder after a child of its own.
    pub fn note_seen(&mut self, seen: Option<Seen>) {
        let mut seen = seen;
        if seen.as_ref().is_some_and(|seen| seen.while_dead) {
            self.note_beside(WHILE_DEAD);
        }
        if let Some(check) = seen.as_mut().and_then(|seen| seen.check.as_mut()) {
            check.shared = !self.beside.is_empty();
        }
        self.seen = seen;
    }

    /// Returns why the files of its result are not to be put into the tree: the step's `writes` is against it, or what
    /// it did otherwise.
    pub fn refuses_files(&self, task: &Task, files: &[ResultFile]) -> Option<StreamError> {
        let submission = task.last().and_then(|attempt| attempt.submission.as_deref());
        let outside = self.changes(files).filter(|path| !self.may_write(path)).collect::<Vec<_>>().join(", ");
        let message = match outside.as_str() {
            "" if judgement::is_refuted(&task.spec, &self.evidence(task, submission)) => {
                "it changed what it may not".to_owned()
            }
            "" => return None,
            outside => format!("`writes` does not allow {outside}"),
        };
        Some(StreamError { kind: ErrorKind::UnsafePath, message })
    }

    /// Takes note that files of its result have been put into the tree: they count as what it changed.
    pub fn note_files(&mut self, files: &[ResultFile]) {
        let paths: Vec<String> = self.changes(files).map(str::to_owned).collect();
        let Some(seen) = &mut self.seen else { return };
        seen.key = None;
        if let Some(check) = &mut seen.check {
            paths.into_iter().for_each(|path| check.note_changed(path));
        }
    }

    fn changes<'a>(&self, files: &'a [ResultFile]) -> impl Iterator<Item = &'a str> + use<'a> {
        files.iter().filter(|file| file.is_change()).map(|file| file.path.as_str())
    }

    fn may_write(&self, path: &str) -> bool {
        let bounds = self.folder.as_ref().and_then(|folder| folder.looks.bounds.as_ref());
        bounds.is_none_or(|bounds| bounds.allows(path))
    }

    /// Takes in what was seen of the folder after a verification command, and returns what that has settled: nothing,
    /// where the command has changed the folder.
    pub fn take_answer(&mut self, seen: Option<Seen>) -> Option<Question> {
        let key = seen.and_then(|seen| seen.key);
        let question = self.question.take().filter(|question| Some(&question.folder) == key.as_ref());
        self.seen.get_or_insert_default().key = key;
        question
    }

    /// Returns what is to be recorded of what was seen: the change, and that its diff was kept.
    pub fn tell_seen(&mut self, task: &Task) -> (Option<Event>, Option<Event>) {
        let Some(Seen { check, kept, .. }) = &mut self.seen else { return (None, None) };
        let (task, attempt) = (task.spec.id.clone(), self.number);
        let checked = check.clone().map(|check| Event::TreeChecked { task, attempt, check });
        (checked, kept.take())
    }

    /// Judges the attempt, all of whose children have ended.
    pub fn judge(&self, task: &Task, submission: Option<&HandedIn>) -> Judgement {
        judgement::judge(&task.spec, &self.evidence(task, submission))
    }

    fn evidence<'a>(&'a self, task: &'a Task, submission: Option<&'a HandedIn>) -> Evidence<'a> {
        let last_words = self.heard.last_words.trim();
        let waiting = self.waits_for.clone().filter(|_| !self.saw_final);
        // What the one before had not finished may have been all there was to do.
        let may_have_worked = |attempt: &Attempt| match &attempt.tree {
            Some(tree) => tree.changed_work() || !tree.unseen.is_empty() || attempt.files_applied,
            // Whoever died with it may not have come to recording that its child ran.
            None => attempt.process.is_some() || attempt.state == AttemptState::Ended(Outcome::Lost),
        };
        // What was done before a review asked for changes is none of them.
        let before = task.round.as_ref().map_or(0, |round| round.attempts_before);
        let earlier = task.attempts.iter().skip(before).filter(|attempt| attempt.number < self.number);
        Evidence {
            ending: self.ending.clone(),
            unplaced: self.unplaced.as_ref(),
            unkept: self.unkept.as_deref(),
            astray: &self.astray,
            strayed: self.strayed.as_deref(),
            stopped: self.why_stopped(),
            cancelled: task.cancel.as_deref(),
            budget: self.over_budget.map(|budget| budget.to_string()),
            unverified: self.checks_passed < task.spec.verify.len() && !plans_first(task, submission),
            stream_error: self.error_of_stream(),
            waiting,
            promises_final: self.agent.as_ref().is_some_and(|agent| agent.promises_final()),
            saw_final: self.saw_final,
            submission,
            refusal: task.last().and_then(|attempt| attempt.refusal.as_ref()),
            files_refused: self.files_refused.clone(),
            files_waiting: task.last().is_some_and(|attempt| attempt.files_to_apply().is_some()),
            nudged: task.last().is_some_and(|attempt| attempt.nudged),
            last_words: (!last_words.is_empty()).then_some(last_words),
            merged: self.merge.merged,
            unmerged: self.merge.unmerged.as_ref(),
            failed_check: self.failed_check.as_ref().map(|(command, how)| (command.as_str(), how.as_str())),
            tree: self.seen.as_ref().and_then(|seen| seen.check.as_ref()),
            beside: &self.beside,
            begun_before: earlier.into_iter().any(may_have_worked),
            plan_only: task.wants_plan(),
            unanswered: task.unanswered,
        }
    }

    /// Returns the last line of an agent's words, or of what a command printed.
    pub fn last_line(&self) -> String {
        let line = match &self.agent {
            None if !self.merge.summary.is_empty() => Some(self.merge.summary.clone()),
            Some(_) => Some(last_line(&self.heard.last_words).to_owned()),
            None if self.ending.output_bytes == 0 => None,
            None => child::last_line(&self.log, &self.words, 4096),
        };
        self.safe(&line.unwrap_or_default(), MAX_SUMMARY_LINE)
    }
}
