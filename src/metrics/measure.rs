//! What the events of a run come to: each event, and the state that it leads to, as measurements.

use super::event_text::{self, Light};
use super::names::Metric;
use super::registry::Sink;
use crate::domain::budget::micro_dollars;
use crate::domain::event::{Ending, Event, Outcome, Recorded, ToolResult};
use crate::domain::finding::Finding;
use crate::domain::gate::{About, Decision, GateId};
use crate::domain::id::{RunId, TaskId};
use crate::domain::merging::How;
use crate::domain::retry::{uses_up_a_retry, was_cut_short};
use crate::domain::review::deciding;
use crate::domain::review::passes;
use crate::domain::review::report::Pass;
use crate::domain::review::rounds;
use crate::domain::run::{Run, RunStatus, Touched};
use crate::domain::submission::{HandedIn, Kind as Submitted};
use crate::domain::task::{Attempt, Task, TaskState, Work};
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use crate::domain::words::as_clean_line;
use crate::store::figures::RawEvent;
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The most characters of a label.
const MAX_LABEL: usize = 80;
/// Who did what nobody of a run's agents did.
const PERSON: &str = "person";

/// Follows one run and says what its events come to.
#[derive(Debug, Default)]
pub struct Meter {
    run: Option<Run>,
    version: String,
    /// What is known of each task beside its state, in the order of the run's tasks.
    tasks: Vec<Stood>,
    /// Since when agents wait by themselves, by the places of their tasks.
    waits: HashMap<usize, Time>,
    /// The move of a branch that was begun.
    merge: Option<(How, Time)>,
    /// Who has found what, by its fingerprint: it counts once, however often they are asked to look.
    found: HashSet<(String, String)>,
    /// When the whole run was cancelled last.
    cancelled_at: Option<Time>,
    /// What was told of how long crew worked on the run, in milliseconds.
    told_millis: u64,
    /// The place of the task that the last event was of: the next one is mostly of the same.
    last: usize,
}

/// How a task stood after the last event.
#[derive(Debug, Default)]
struct Stood {
    /// As it was counted, where it is settled.
    settled: Option<Settled>,
    /// As it was counted before it went back, until it is settled again or somebody else takes it over.
    went_back: Option<Settled>,
    settled_at: Option<Time>,
    state: Option<TaskState>,
    /// When it could start last, but for the tasks that it waits for.
    queued_at: Time,
    /// How many attempts it had when it was settled last, or when somebody else took it over.
    counted: usize,
    /// How many it had when it began to be what it is counted as: each round of a reviewer is another task.
    begun: usize,
    /// How often a person has sent it back since then, at a gate.
    sent_back: u64,
    /// Lines that it has added and removed.
    lines: (u64, u64),
    /// What it found in the result that it handed in last, until that is counted.
    found: Vec<Found>,
    /// Whether its work was accepted by all together who reviewed it in this round, once they are through.
    judged: Option<bool>,
}

/// Something that was found.
#[derive(Debug)]
struct Found {
    severity: &'static str,
    fingerprint: String,
}

impl Found {
    fn of(finding: &Finding) -> Found {
        Found { severity: finding.severity.name(), fingerprint: finding.fingerprint.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Settled {
    who: Who<'static>,
    state: TaskState,
    pass: &'static str,
    at: Time,
}

/// Work that was completed at the first pass of all.
const FIRST: &str = "first";
/// At the first pass of an agent or model that took the task over from another one.
const TAKEN_OVER: &str = "taken_over";
/// At any other pass.
const LATER: &str = "later";
/// What stands for the state of a task that another agent or model took over.
const PASSED_ON: &str = "passed_on";

/// What the attempts of one agent and model at a task come to, since it was settled before or they took it over.
struct Go {
    pass: &'static str,
    /// Attempts beside the very first one of theirs.
    retries: u64,
    millis: u64,
}

impl Go {
    /// Says so of a task's first `until` attempts, the last of which may not have ended before `at`.
    fn of(stood: &Stood, attempts: &[Attempt], until: usize, at: Time) -> Go {
        let own = attempts.get(stood.counted..until).unwrap_or_default();
        let before = attempts.get(stood.begun..stood.counted.min(until)).unwrap_or_default();
        let mut worked = before.iter().filter(|attempt| !was_cut_short(attempt));
        let last = attempts.get(..until).and_then(|attempts| attempts.last());
        let is_theirs = |attempt: &Attempt| last.is_some_and(|last| is_by_the_same(attempt, last));
        let is_taken_over = worked.clone().next().is_some();
        let is_again = worked.any(is_theirs);
        let retries = retries(own, stood.sent_back, is_again);
        let took = own.iter().map(|attempt| millis(attempt.started_at, attempt.ended_at.unwrap_or(at)));
        let pass = match (is_again || retries > 0, is_taken_over) {
            (true, _) => LATER,
            (false, true) => TAKEN_OVER,
            (false, false) => FIRST,
        };
        Go { pass, retries, millis: took.sum() }
    }
}

/// Tells whether one agent with one model made both attempts.
fn is_by_the_same(one: &Attempt, other: &Attempt) -> bool {
    one.agent == other.agent && one.model == other.model
}

/// Whose work something is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Who<'a> {
    team: Cow<'a, str>,
    role: Cow<'a, str>,
    agent: Cow<'a, str>,
    model: Cow<'a, str>,
}

impl<'a> Who<'a> {
    fn of(run: &'a Run, task: &'a Task) -> Who<'a> {
        let last = task.last();
        let planned = match &task.spec.work {
            Work::Agent { model, .. } => model.as_ref(),
            _ => None,
        };
        let model = last.map_or(planned, |last| last.model.as_ref());
        Who {
            team: as_label(&run.team),
            role: as_label(task.spec.role()),
            agent: as_label(last.map_or(task.spec.program(), |last| &last.agent)),
            model: model.map(|model| as_label(model)).unwrap_or_default(),
        }
    }

    fn into_owned(self) -> Who<'static> {
        let owned = |label: Cow<'_, str>| Cow::Owned(label.into_owned());
        let Who { team, role, agent, model } = self;
        Who { team: owned(team), role: owned(role), agent: owned(agent), model: owned(model) }
    }

    fn labels(&self) -> [&str; 4] {
        [&self.team, &self.role, &self.agent, &self.model]
    }

    /// Counts what an attempt of theirs has used up.
    fn used(&self, usage: &Usage, sink: &mut dyn Sink) {
        let parts =
            [("input", usage.input_tokens), ("output", usage.output_tokens), ("cached", usage.cached_tokens)];
        for (direction, tokens) in parts {
            if let Some(tokens) = tokens {
                sink.take(Metric::Tokens, &self.and(direction), tokens);
            }
        }
        if let Some(cost) = usage.cost_usd {
            sink.take(Metric::Cost, &self.labels(), micro_dollars(cost));
        }
    }

    /// Returns the labels with one more behind them.
    fn and<'b>(&'b self, more: &'b str) -> [&'b str; 5] {
        let [team, role, agent, model] = self.labels();
        [team, role, agent, model, more]
    }

    /// Returns the labels with two more behind them.
    fn and_two<'b>(&'b self, one: &'b str, two: &'b str) -> [&'b str; 6] {
        let [team, role, agent, model, one] = self.and(one);
        [team, role, agent, model, one, two]
    }
}

/// Makes a label of a name that somebody gave.
fn label(name: &str) -> String {
    as_label(name).into_owned()
}

/// The same, without a copy of what is one already.
fn as_label(name: &str) -> Cow<'_, str> {
    as_clean_line(name, MAX_LABEL)
}

impl Meter {
    /// Returns the run as it stands after the last event that was taken in.
    pub fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// Returns the place of a task.
    fn place(&self, id: &str) -> Option<usize> {
        let run = self.run.as_ref()?;
        match run.tasks.get(self.last) {
            Some(last) if last.spec.id.as_str() == id => Some(self.last),
            _ => run.place_named(id),
        }
    }

    fn task(&self, id: &TaskId) -> Option<(usize, &Task)> {
        let place = self.place(id.as_str())?;
        Some((place, &self.run.as_ref()?.tasks[place]))
    }

    /// Tells whether an event of this kind leads to another state than the one before it. Any other may be left out by
    /// whoever does not want to know what it comes to.
    pub fn needs(&self, kind: &str) -> bool {
        match kind {
            "tool_invoked" => !self.waits.is_empty(),
            "artifact_kept" | "note_taken" | "session_started" | "submission_refused"
            | "verification_ended" | "budget_warned" | "conflicts_seen" | "tree_checked" => false,
            _ => true,
        }
    }

    /// Takes the next event of the run in as it lies in the store, and hands on what it comes to. What cannot be read is left
    /// out: all else stays true.
    ///
    /// Most events lead to no other state; of those, no more is read than is measured.
    pub fn take_raw(&mut self, run: &RunId, raw: &RawEvent<'_>, sink: &mut dyn Sink) {
        if self.take_light(raw, sink).is_some() {
            return;
        }
        if let Some(event) = event_text::read(raw.kind, raw.data) {
            self.take(&Recorded { seq: raw.seq, run: run.clone(), at: raw.at, event }, sink);
        }
    }

    /// Does so with an event that leads to no other state and is read in a part; nothing where it has to be read whole.
    fn take_light(&mut self, raw: &RawEvent<'_>, sink: &mut dyn Sink) -> Option<()> {
        if self.needs(raw.kind) {
            return None;
        }
        let light = Light::read(raw.kind, raw.data)?;
        let open = |task: &str, number: u32| {
            let place = self.place(task)?;
            let last = self.run.as_ref()?.tasks[place].last()?;
            (last.number == number && last.is_open()).then_some(place)
        };
        let place = match &light {
            Light::Session(of) => open(of.task, of.attempt)?,
            Light::Tool(call) => open(call.of.task, call.of.attempt)?,
            Light::Verification(ended) => open(ended.task, ended.attempt)?,
            Light::Artifact(_) => self.last,
        };
        self.run.as_mut()?.last_at = raw.at;
        self.last = place;
        sink.of_version(&self.version);
        sink.take(Metric::EventCount, &[raw.kind], 1);
        let mut taking = Taking { meter: self, at: raw.at, sink };
        // What names something that is not there is counted, and nothing else.
        let _ = match &light {
            Light::Session(_) => Some(()),
            Light::Tool(call) => taking.tool(place, call.tool, call.result, call.millis),
            Light::Verification(of) => taking.verified(place, &of.ending, of.cached),
            Light::Artifact(kept) => {
                taking.sink.take(Metric::ArtifactBytes, &[kept.artifact.name()], kept.bytes);
                Some(())
            }
        };
        Some(())
    }

    /// Takes the next event of the run in, and hands on what it comes to. What does not follow from what came before is
    /// counted, and nothing else.
    pub fn take(&mut self, recorded: &Recorded, sink: &mut dyn Sink) {
        let Recorded { run, at, event, .. } = recorded;
        if let (None, Event::RunCreated { crew_version, .. }) = (&self.run, event) {
            self.version = label(crew_version);
        }
        sink.of_version(&self.version);
        sink.take(Metric::EventCount, &[event.kind()], 1);
        let Some(run) = &mut self.run else {
            if let Ok(run) = Run::create(run.clone(), *at, event) {
                sink.take(Metric::RunMade, &[&label(&run.team), &label(&run.workflow)], 1);
                self.run = Some(run);
            }
            return;
        };
        // What is gone after it.
        let taken_over = matches!(event, Event::DispatcherStarted { .. })
            && run.dispatcher.is_some()
            && run.ended_at.is_none();
        let withdrawn = match event {
            Event::FindingDecided { fingerprint, .. } => run.decisions.get(fingerprint),
            _ => None,
        };
        let withdrawn = withdrawn.map(|decided| (decided.decision, decided.at));
        let Ok(touched) = run.apply(*at, event) else { return };
        if taken_over {
            sink.take(Metric::RunTakenOver, &[&label(&run.team)], 1);
        }
        let mut taking = Taking { meter: self, at: *at, sink };
        if let (Event::FindingDecided { fingerprint, .. }, Some(decision)) = (event, withdrawn) {
            let _ = taking.withdrawn(fingerprint, decision);
        }
        taking.event(event);
        taking.states(event, touched);
    }
}

/// An event that the run has taken in, on its way to the sink.
struct Taking<'a> {
    meter: &'a mut Meter,
    at: Time,
    sink: &'a mut dyn Sink,
}

impl Taking<'_> {
    fn run(&self) -> Option<&Run> {
        self.meter.run.as_ref()
    }

    fn task(&self, id: &TaskId) -> Option<(usize, &Task)> {
        self.meter.task(id)
    }

    fn who(&self, id: &TaskId) -> Option<Who<'static>> {
        Some(Who::of(self.run()?, self.task(id)?.1).into_owned())
    }

    fn one(&mut self, metric: Metric, labels: &[&str]) {
        self.sink.take(metric, labels, 1);
    }

    fn event(&mut self, event: &Event) {
        let _ = self.measure(event);
    }

    /// Returns nothing where the event names a task that is not there, which the run does not take in.
    fn measure(&mut self, event: &Event) -> Option<()> {
        let at = self.at;
        match event {
            Event::TaskCreated { spec } => {
                let team = as_label(&self.meter.run.as_ref()?.team);
                self.sink.take(Metric::TaskMade, &[&team, &as_label(spec.role())], 1);
            }
            Event::AttemptStarted { task, .. } => self.started(task)?,
            Event::ProcessStarted { task, .. } => {
                let attempt = self.meter.task(task)?.1.last()?;
                let millis = millis(attempt.started_at, at);
                self.sink.take(Metric::AttemptSpawn, &[&as_label(&attempt.agent)], millis);
            }
            Event::AttemptAdopted { task, .. } => {
                let agent = self.who(task)?.agent;
                self.one(Metric::AttemptAdopted, &[&agent]);
            }
            Event::ToolInvoked { task, tool, result, millis, .. } => {
                self.tool(self.task(task)?.0, tool, *result, *millis)?
            }
            Event::AgentWaited { task, reason, .. } => {
                let place = self.task(task)?.0;
                self.goes_on(place)?;
                if !reason.is_empty() {
                    let who = self.who(task)?;
                    self.one(Metric::AgentWait, &[&who.agent, &who.model]);
                    self.meter.waits.insert(place, at);
                }
            }
            Event::AgentNudged { task, .. } => {
                let who = self.who(task)?;
                self.one(Metric::Nudge, &[&who.role, &who.agent, &who.model]);
            }
            Event::SubmissionAccepted { task, handed_in, .. } => {
                let who = self.who(task)?;
                self.one(Metric::SubmissionAccepted, &[&who.role, &who.agent, handed_in.kind().name()]);
                let (place, of) = self.task(task)?;
                let found = if of.spec.reviewer().is_none() { found_in(handed_in) } else { Vec::new() };
                self.meter.tasks.get_mut(place)?.found = found;
            }
            Event::NoteTaken { task, note, .. } => {
                let who = self.who(task)?;
                self.one(Metric::NoteTaken, &[&who.role, &who.agent, note.kind().name()]);
            }
            Event::SubmissionRefused { task, submission, code, .. } => {
                let agent = task.as_ref().and_then(|task| self.who(task)).map(|who| who.agent);
                let kind = submission.map_or("", Submitted::name);
                self.one(Metric::SubmissionRefused, &[&agent.unwrap_or_default(), kind, code.name()]);
            }
            Event::VerificationStarted { task, .. } => self.goes_on(self.task(task)?.0)?,
            Event::VerificationEnded { task, ending, cached, .. } => {
                self.verified(self.task(task)?.0, ending, *cached)?;
            }
            Event::WorkKept { task, insertions, deletions, .. } => {
                self.kept(task, *insertions, *deletions)?
            }
            Event::AttemptEnded { task, again, .. } => {
                self.goes_on(self.task(task)?.0)?;
                self.ended(task)?;
                // That it goes on after it was cut short is no retry.
                let was_cut_short = was_cut_short(self.task(task)?.1.last()?);
                if let Some(again) = again.as_ref().filter(|_| !was_cut_short) {
                    let who = self.who(task)?;
                    let kind = self.task(task)?.1.last()?.error_kind.map_or("", |kind| kind.name());
                    self.one(Metric::Retry, &who.and(kind));
                    let delay = millis(at, again.not_before);
                    self.sink.take(Metric::RetryDelay, &[&who.agent, kind], delay);
                }
            }
            Event::TaskDeadLettered { task, why, .. } => {
                let who = self.who(task)?;
                self.one(Metric::DeadLetter, &[&who.team, &who.role, &who.agent, why.name()]);
            }
            Event::TaskAccepted { task, .. } => self.judged(task, PERSON, true)?,
            Event::GateOpened { about, .. } => self.one(Metric::GateOpened, &[about.name()]),
            Event::GateDecided { gate, task, decision, .. } => self.decided(*gate, task, decision)?,
            Event::ReviewRoundBegun { task, .. } => {
                let who = self.who(task)?;
                self.one(Metric::ReviewRound, &who.labels());
                let (place, _) = self.task(task)?;
                if self.meter.tasks.get_mut(place)?.judged.take() == Some(true) {
                    // Its reviewers had nothing against it.
                    self.judged(task, PERSON, false)?;
                }
            }
            Event::PersonReviewed(review) => {
                let verdict = review.review.verdict.name();
                self.one(Metric::ReviewPass, &[PERSON, verdict]);
                for finding in review.findings() {
                    self.found(PERSON, &Found::of(&finding));
                }
            }
            Event::FindingDecided { fingerprint, decision, feedback, .. } => {
                let feedback = feedback.map_or("", |feedback| feedback.name());
                for reviewer in self.finders(fingerprint)? {
                    self.one(Metric::ReviewDecision, &[&reviewer, decision.name(), feedback]);
                }
            }
            Event::MergeBegun { merging } => self.meter.merge = Some((merging.how, at)),
            Event::WorkMerged { merging } => self.merged(merging.how, "merged"),
            Event::MergeGivenUp { .. } => {
                let how = self.meter.merge.map_or(How::default(), |(how, _)| how);
                self.merged(how, "given_up");
            }
            Event::ConflictResolved { agent, usage, .. } => self.conflict(agent, "resolved", usage)?,
            Event::ConflictLeft { agent, usage, .. } => self.conflict(agent, "left", usage)?,
            Event::BudgetWarned { level, what, .. } => {
                self.one(Metric::BudgetWarning, &[level.name(), what.name()]);
            }
            Event::ClockJumped { asleep, held_up, set } => {
                let parts = [("asleep", *asleep), ("held_up", *held_up), ("set", set.unsigned_abs())];
                for (reason, millis) in parts.into_iter().filter(|(_, millis)| *millis > 0) {
                    self.sink.take(Metric::ClockLost, &[reason], millis);
                }
            }
            Event::ArtifactKept { artifact, bytes, .. } => {
                self.sink.take(Metric::ArtifactBytes, &[artifact.name()], *bytes);
            }
            Event::StopAsked { .. } => self.one(Metric::RunStopAsked, &["stop"]),
            Event::CancelAsked { task: None, .. } => {
                self.meter.cancelled_at = Some(at);
                self.one(Metric::RunStopAsked, &["cancel"]);
            }
            // Each task at work is marked together with its run.
            Event::CancelAsked { task: Some(_), .. } if self.meter.cancelled_at == Some(at) => {}
            Event::CancelAsked { task: Some(_), .. } => self.one(Metric::RunStopAsked, &["cancel_task"]),
            Event::RunEnded { state } => self.run_ended(*state)?,
            // What they come to is seen in the states of tasks, or nowhere.
            Event::RunCreated { .. }
            | Event::DispatcherStarted { .. }
            | Event::WorktreeAdded { .. }
            | Event::SessionStarted { .. }
            | Event::FilesApplied { .. }
            | Event::TreeChecked { .. }
            | Event::ReferencesMoved { .. }
            | Event::ConflictGiven { .. }
            | Event::WorktreeRemoved { .. }
            | Event::TaskRequeued { .. }
            | Event::DeadLetterDropped { .. }
            | Event::DeadLettersPiledUp { .. }
            | Event::TaskSkipped { .. }
            | Event::TaskCancelled { .. }
            | Event::TaskFailed { .. }
            | Event::ConflictsSeen { .. }
            | Event::BudgetChanged { .. }
            | Event::RunImported(_) => {}
        }
        Some(())
    }

    fn tool(&mut self, place: usize, tool: &str, result: ToolResult, millis: u64) -> Option<()> {
        self.goes_on(place)?;
        let Taking { meter, sink, .. } = self;
        let agent = as_label(&meter.run.as_ref()?.tasks[place].last()?.agent);
        let result = result.name();
        sink.take(Metric::ToolCall, &[&agent, &as_label(tool), result], 1);
        sink.take(Metric::ToolDuration, &[&agent, result], millis);
        Some(())
    }

    fn verified(&mut self, place: usize, ending: &Ending, cached: bool) -> Option<()> {
        let Taking { meter, sink, .. } = self;
        let run = meter.run.as_ref()?;
        let (team, role) = (as_label(&run.team), as_label(run.tasks[place].spec.role()));
        let result = match (cached, ending.is_clean()) {
            (true, _) => "cached",
            (false, true) => "pass",
            (false, false) => "fail",
        };
        sink.take(Metric::Verification, &[&team, &role, result], 1);
        if !cached {
            sink.take(Metric::VerificationDuration, &[result], ending.millis);
        }
        Some(())
    }

    /// Measures how long a task waited that starts now: since it was queued, its delay was over, what it waits for was
    /// settled, and somebody carries the run out.
    fn started(&mut self, id: &TaskId) -> Option<()> {
        let Taking { meter, at, sink } = self;
        let (place, task) = meter.task(id)?;
        let run = meter.run.as_ref()?;
        let before = task.spec.waits_on().filter_map(|other| meter.tasks[run.place(other)?].settled_at);
        let ready = before.chain(run.owned_since).fold(meter.tasks[place].queued_at, Time::max);
        let labels = [as_label(&run.team), as_label(task.spec.role())];
        sink.take(Metric::TaskWait, &[&labels[0], &labels[1]], millis(ready, *at));
        meter.last = place;
        self.taken_over(place)
    }

    /// Counts a task for whoever worked on it before, where somebody else takes it over by a new attempt: for them it is through,
    /// and not completed.
    fn taken_over(&mut self, place: usize) -> Option<()> {
        let Taking { meter, at: _, sink } = self;
        let run = meter.run.as_ref()?;
        let task = &run.tasks[place];
        let (before, now) = match &task.attempts[..] {
            [.., before, now] if !is_by_the_same(before, now) => (before, now),
            _ => return Some(()),
        };
        let until = task.attempts.len() - 1;
        let stood = meter.tasks.get_mut(place)?;
        let go = Go::of(stood, &task.attempts, until, now.started_at);
        let worked = |attempts: Option<&[Attempt]>| {
            let worked = |attempt: &Attempt| !was_cut_short(attempt) && is_by_the_same(attempt, before);
            attempts.unwrap_or_default().iter().any(worked)
        };
        let has_worked = worked(task.attempts.get(stood.counted..until));
        let had_worked = worked(task.attempts.get(stood.begun..stood.counted));
        let went_back = stood.went_back.take().filter(|_| had_worked);
        (stood.counted, stood.sent_back) = (until, 0);
        let who = Who {
            agent: as_label(&before.agent),
            model: before.model.as_ref().map(|model| as_label(model)).unwrap_or_default(),
            ..Who::of(run, task)
        };
        match went_back {
            _ if has_worked => {
                sink.take(Metric::TaskSettled, &who.and_two(PASSED_ON, go.pass), 1);
                sink.take(Metric::TaskDuration, &who.and(PASSED_ON), go.millis);
                sink.take(Metric::TaskRetries, &who.and(PASSED_ON), go.retries);
            }
            Some(Settled { state: TaskState::Skipped | TaskState::Cancelled, .. }) | None => {}
            // It is theirs still, when it was settled.
            Some(went_back) => {
                let labels = who.and_two(PASSED_ON, went_back.pass);
                sink.take_at(went_back.at, Metric::TaskSettled, &labels, 1);
            }
        }
        Some(())
    }

    /// Ends the time for which an agent waited by itself.
    fn goes_on(&mut self, place: usize) -> Option<()> {
        let Taking { meter, at, sink } = self;
        if meter.waits.is_empty() {
            return Some(());
        }
        if let Some(since) = meter.waits.remove(&place) {
            let run = meter.run.as_ref()?;
            let (who, millis) = (Who::of(run, &run.tasks[place]), millis(since, *at));
            sink.take(Metric::AgentWaitTime, &[&who.agent, &who.model], millis);
        }
        Some(())
    }

    fn kept(&mut self, id: &TaskId, insertions: u64, deletions: u64) -> Option<()> {
        let (place, _) = self.task(id)?;
        let who = self.who(id)?;
        // What is told is all since the work began, each time.
        let before = std::mem::replace(&mut self.meter.tasks[place].lines, (insertions, deletions));
        let parts = [("added", insertions, before.0), ("removed", deletions, before.1)];
        for (direction, now, before) in parts.into_iter().filter(|(_, now, before)| now > before) {
            let labels = [&*who.role, &who.agent, &who.model, direction];
            self.sink.take(Metric::WorkLines, &labels, now - before);
        }
        Some(())
    }

    /// Measures an attempt that has ended.
    fn ended(&mut self, id: &TaskId) -> Option<()> {
        let Taking { meter, at, sink } = self;
        let (_, task) = meter.task(id)?;
        let who = Who::of(meter.run.as_ref()?, task);
        let attempt = task.last()?;
        let outcome = attempt.state.name();
        let kind = attempt.error_kind.map_or("", |kind| kind.name());
        let (usage, ending) = (&attempt.usage, &attempt.ending);
        // One that ends as soon as it is started may never have been seen alive.
        let ran = attempt.process.is_some() || ending.exit.is_some() || ending.signal.is_some();
        sink.take(Metric::AttemptEnded, &who.and_two(outcome, kind), 1);
        sink.take(Metric::AttemptDuration, &who.and(outcome), millis(attempt.started_at, *at));
        who.used(usage, *sink);
        if task.spec.is_paid() && ran && usage.cost_usd.is_none() {
            sink.take(Metric::Unpriced, &who.labels(), 1);
        }
        // Nobody has seen how much it was of one that ended while nobody watched.
        if ending.max_rss_kib > 0 {
            let labels = [&*who.role, &who.agent];
            sink.take(Metric::AttemptCpu, &labels, ending.cpu_millis);
            sink.take(Metric::AttemptMemory, &labels, ending.max_rss_kib.saturating_mul(1024));
        }
        Some(())
    }

    fn decided(&mut self, gate: GateId, task: &TaskId, decision: &Decision) -> Option<()> {
        let gate = self.run()?.gate(gate)?;
        let (about, waited) = (gate.about.name(), millis(gate.opened_at, self.at));
        let is_work = matches!(gate.about, About::Result { .. } | About::Plan { .. });
        self.one(Metric::GateDecided, &[about, decision.name()]);
        self.sink.take(Metric::GateWait, &[about, decision.name()], waited);
        match decision {
            Decision::Approved if is_work => self.judged(task, PERSON, true),
            Decision::Rejected | Decision::SentBack if is_work => self.judged(task, PERSON, false),
            _ => Some(()),
        }
    }

    /// Counts what somebody thinks of a task's work.
    fn judged(&mut self, id: &TaskId, by: &str, accepted: bool) -> Option<()> {
        let verdict = if accepted { "accepted" } else { "rejected" };
        let who = self.who(id)?;
        self.one(Metric::WorkJudged, &who.and_two(by, verdict));
        Some(())
    }

    /// Counts a decision that another one takes the place of. That a finding is open again is none.
    fn withdrawn(&mut self, fingerprint: &str, (decision, at): (deciding::Decision, Time)) -> Option<()> {
        if decision != deciding::Decision::Reopened {
            for reviewer in self.finders(fingerprint)? {
                self.sink.take_at(at, Metric::ReviewWithdrawn, &[&reviewer, decision.name()], 1);
            }
        }
        Some(())
    }

    /// Returns the reviewers who found something, as they are called in labels.
    fn finders(&self, fingerprint: &str) -> Option<BTreeSet<String>> {
        let run = self.run()?;
        let mut names = BTreeSet::new();
        for task in run.tasks.iter().filter(|task| task.spec.reviews.is_some()) {
            let found = |attempt: &Attempt| {
                passes::found_in(task, attempt).iter().any(|finding| finding.fingerprint == fingerprint)
            };
            if task.attempts.iter().any(found) {
                names.extend(task.spec.reviewer().map(|name| label(&name)));
            }
        }
        let persons = run.person_reviews.iter().flat_map(|review| review.findings());
        if persons.into_iter().any(|finding| finding.fingerprint == fingerprint) {
            names.insert(PERSON.to_owned());
        }
        Some(names)
    }

    fn merged(&mut self, how: How, result: &str) {
        self.one(Metric::Merge, &[how.name(), result]);
        if let Some((_, begun)) = self.meter.merge.take() {
            self.sink.take(Metric::MergeDuration, &[result], millis(begun, self.at));
        }
    }

    fn conflict(&mut self, agent: &str, result: &str, usage: &Usage) -> Option<()> {
        let agent = as_label(agent);
        self.one(Metric::MergeConflict, &[&agent, result]);
        // Its attempts stand in a record of their own.
        let team = as_label(&self.meter.run.as_ref()?.team);
        let who = Who { team, role: "merge".into(), agent, model: "".into() };
        who.used(usage, self.sink);
        Some(())
    }

    fn run_ended(&mut self, state: RunStatus) -> Option<()> {
        let run = self.run()?;
        let (team, worked) = (label(&run.team), run.worked.as_millis() as u64);
        self.one(Metric::RunEnded, &[&team, state.name()]);
        let is_done = match state {
            RunStatus::Completed | RunStatus::Failed | RunStatus::NeedsReview | RunStatus::Cancelled => true,
            RunStatus::Queued | RunStatus::Running | RunStatus::AwaitingInput | RunStatus::Interrupted => {
                false
            }
        };
        if is_done {
            let before = std::mem::replace(&mut self.meter.told_millis, worked);
            let millis = worked.saturating_sub(before);
            self.sink.take(Metric::RunDuration, &[&team, state.name()], millis);
        }
        Some(())
    }

    /// Measures which tasks were settled, or are not any more.
    fn states(&mut self, event: &Event, touched: Touched) {
        match touched {
            Touched::Nothing | Touched::Run => {}
            Touched::Task(place) | Touched::TaskAndAttempt(place, _) => self.state(event, place),
            Touched::Tasks => {
                let count = self.run().map_or(0, |run| run.tasks.len());
                (0..count).for_each(|place| self.state(event, place));
            }
        }
    }

    fn state(&mut self, event: &Event, place: usize) {
        let Some(run) = self.meter.run.as_ref() else { return };
        let at = self.at;
        let task = &run.tasks[place];
        if self.meter.tasks.len() <= place {
            self.meter.tasks.resize_with(place + 1, || Stood { queued_at: at, ..Stood::default() });
        }
        let stood = &mut self.meter.tasks[place];
        if let Event::GateDecided { decision: Decision::SentBack, .. } = event {
            stood.sent_back += 1;
        }
        let before = stood.state.replace(task.state);
        if before == Some(task.state) {
            return;
        }
        if task.state == TaskState::Queued {
            stood.queued_at = task.not_before.map_or(at, |not_before| not_before.max(at));
        }
        let is_settled = task.state.is_settled();
        stood.settled_at = is_settled.then_some(at);
        if let Some(before) = stood.settled.take() {
            let by = match event {
                Event::ReviewRoundBegun { .. } => "review",
                Event::TaskRequeued { asked, .. } if asked.sent_by.is_some() => "review",
                Event::TaskAccepted { .. } => "acceptance",
                _ => PERSON,
            };
            if task.spec.reviews.is_some() && before.state == TaskState::Completed {
                // Its pass was done; that the work has changed since is not its doing.
                stood.begun = task.attempts.len();
            } else {
                let labels = [&before.who.and_two(before.state.name(), before.pass)[..], &[by]].concat();
                self.sink.take_at(before.at, Metric::TaskReopened, &labels, 1);
                stood.went_back = Some(before);
            }
        }
        if !is_settled {
            return;
        }
        let go = Go::of(stood, &task.attempts, task.attempts.len(), at);
        let is_accepted = matches!(event, Event::TaskAccepted { .. });
        let settled = Settled {
            who: Who::of(run, task).into_owned(),
            state: task.state,
            pass: if is_accepted { LATER } else { go.pass },
            at,
        };
        let worked = (task.attempts.len() > stood.counted).then_some((go.millis, go.retries));
        (stood.counted, stood.sent_back, stood.went_back) = (task.attempts.len(), 0, None);
        stood.judged = None;
        self.settled(place, &settled, worked, event);
        self.meter.tasks[place].settled = Some(settled);
    }

    /// Measures a task that has just been settled. `worked` says how long its attempts took since it was settled before, or
    /// was taken over, and how many there were beside the very first.
    fn settled(&mut self, place: usize, settled: &Settled, worked: Option<(u64, u64)>, event: &Event) {
        let Some(task) = self.run().map(|run| &run.tasks[place]) else { return };
        let Settled { who, state, pass, .. } = settled;
        let has_ended = matches!(event, Event::AttemptEnded { .. });
        let review = has_ended.then(|| self.review(task)).flatten();
        let reviewed = task.reviewed_task().cloned();
        self.one(Metric::TaskSettled, &who.and_two(state.name(), pass));
        if let Some((millis, retries)) = worked {
            self.sink.take(Metric::TaskDuration, &who.and(state.name()), millis);
            self.sink.take(Metric::TaskRetries, &who.and(state.name()), retries);
        }
        if let Some((reviewer, verdict, millis, found)) = review {
            self.one(Metric::ReviewPass, &[&reviewer, verdict]);
            self.sink.take(Metric::ReviewDuration, &[&reviewer, verdict], millis);
            found.iter().for_each(|found| self.found(&reviewer, found));
        }
        let beside = self.meter.tasks.get_mut(place).map(|stood| std::mem::take(&mut stood.found));
        for found in beside.unwrap_or_default().iter().filter(|_| has_ended) {
            self.found(&who.agent, found);
        }
        if let Some(worker) = reviewed {
            let _ = self.judged_by_all(&worker);
        }
    }

    /// Counts what somebody found, the first time.
    fn found(&mut self, reviewer: &str, Found { severity, fingerprint }: &Found) {
        let known = (reviewer.to_owned(), fingerprint.clone());
        if fingerprint.is_empty() || self.meter.found.insert(known) {
            self.one(Metric::ReviewFinding, &[reviewer, severity]);
        }
    }

    /// Counts what all reviewers of a task's work come to together, once for each round, as soon as they are through.
    fn judged_by_all(&mut self, worker: &TaskId) -> Option<()> {
        let (place, task) = self.task(worker)?;
        // What nobody has worked on yet is not theirs.
        task.last()?;
        let asks = rounds::joint_verdict(self.run()?, task)?;
        let stood = self.meter.tasks.get_mut(place)?;
        if stood.judged.is_none() {
            stood.judged = Some(!asks);
            self.judged(worker, "review", !asks)?;
        }
        Some(())
    }

    /// Returns what a reviewer's pass came to that has just ended: its name, the verdict, how long it took, and what it found. A
    /// pass that was cancelled is none.
    fn review(&self, task: &Task) -> Option<(String, &'static str, u64, Vec<Found>)> {
        let last = task.last()?;
        let reviewer = label(&task.spec.reviewer()?);
        let is_cancelled = last.state.name() == Outcome::Cancelled.name();
        let verdict = match passes::pass(task) {
            Pass::Approved => "approved",
            Pass::ChangesRequested => "changes_requested",
            Pass::Incomplete { .. } if is_cancelled => return None,
            Pass::Incomplete { .. } => "incomplete",
        };
        let found = passes::findings(task).iter().map(Found::of).collect();
        Some((reviewer, verdict, millis(last.started_at, self.at), found))
    }
}

/// Returns what a result tells of that nobody was asked to review.
fn found_in(handed_in: &HandedIn) -> Vec<Found> {
    match handed_in {
        HandedIn::Result(result) => result.findings.iter().map(Found::of).collect(),
        _ => Vec::new(),
    }
}

/// Returns how many attempts were made beside the very first, which is one of these unless there were others before. One that
/// ended so that a person could decide was none in vain, unless the person sent it back, nor was one that was interrupted or
/// lost.
fn retries(attempts: &[Attempt], sent_back: u64, is_again: bool) -> u64 {
    let ended_by_itself = attempts.iter().filter(|attempt| uses_up_a_retry(attempt)).count() as u64;
    let made = (ended_by_itself + sent_back).max(u64::from(!attempts.is_empty()));
    if is_again { made } else { made.saturating_sub(1) }
}

fn millis(from: Time, to: Time) -> u64 {
    to.since(from).as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::super::names::Metric;
    use super::super::registry::{Registry, Snapshot, Value};
    use super::*;
    use crate::domain::error_kind::ErrorKind;
    use crate::domain::event::{Again, ArtifactKind, ProcessId};
    use crate::domain::requeue::Asked;
    use crate::domain::review::target::Reviews;
    use crate::domain::run::tests::{ended, run_created_by, spec, started};
    use crate::domain::task::TaskSpec;

    /// A run whose events are measured one after the other, as they are and as they lie in a store.
    struct Measured {
        meter: Meter,
        registry: Registry,
        raw: (Meter, Registry),
        seq: i64,
    }

    impl Measured {
        fn run(specs: Vec<TaskSpec>) -> Measured {
            let mut measured = Measured {
                meter: Meter::default(),
                registry: Registry::default(),
                raw: Default::default(),
                seq: 0,
            };
            measured.at(0, run_created_by("1.2.3"));
            specs.into_iter().for_each(|spec| measured.at(0, Event::TaskCreated { spec }));
            measured
        }

        fn at(&mut self, at: i64, event: Event) {
            self.seq += 1;
            let (run, data) = (RunId::from_random(1), serde_json::to_string(&event).unwrap());
            let raw = RawEvent { seq: self.seq, at: Time(at), kind: event.kind(), data: &data };
            self.raw.0.take_raw(&run, &raw, &mut self.raw.1);
            let recorded = Recorded { seq: self.seq, run, at: Time(at), event };
            self.meter.take(&recorded, &mut self.registry);
        }

        fn seen(&self) -> Snapshot {
            let seen = self.registry.snapshot(Time(0));
            assert_eq!(self.raw.1.snapshot(Time(0)), seen, "what is read in a part comes to something else");
            seen
        }

        /// Returns what all series of a metric come to whose labels hold all of `words`.
        fn amount(&self, metric: Metric, words: &[&str]) -> u64 {
            let all = self.seen();
            let has =
                |labels: &[Box<str>]| words.iter().all(|word| labels.iter().any(|label| **label == **word));
            all.of(metric).filter(|series| has(&series.labels)).map(|series| series.value.amount()).sum()
        }

        fn sum(&self, metric: Metric) -> u64 {
            match self.seen().total(metric) {
                Some(Value::Histogram(histogram)) => histogram.sum,
                Some(Value::Counter(value)) => value,
                other => panic!("{}: {other:?}", metric.name()),
            }
        }
    }

    fn agent(id: &str) -> TaskSpec {
        let work = Work::Agent {
            role: "executor".into(),
            program: "claude".into(),
            persona: "executor".into(),
            task: "do".into(),
            model: Some("opus".into()),
            fallback_models: vec![],
            thinking: None,
            writes: true,
            submit_optional: false,
        };
        TaskSpec::plain(TaskId::parse(id).unwrap(), work)
    }

    fn by_claude(id: &str, attempt: u32) -> Event {
        started_by("claude", Some("opus"), id, attempt)
    }

    fn started_by(by: &str, with: Option<&str>, id: &str, attempt: u32) -> Event {
        let mut event = started(id, attempt);
        if let Event::AttemptStarted { agent, model, .. } = &mut event {
            (*agent, *model) = (by.into(), with.map(str::to_owned));
        }
        event
    }

    #[test]
    fn what_is_read_in_a_part_comes_to_the_same_as_what_is_read_whole() {
        let mut measured = Measured::run(vec![agent("a")]);
        let task = || TaskId::parse("a").unwrap();
        let tool = |attempt, tool: &str, result| Event::ToolInvoked {
            task: task(),
            attempt,
            tool: tool.into(),
            arguments: "{\"say\": \"\\n\"}".into(),
            result,
            millis: 70,
        };
        measured.at(0, by_claude("a", 1));
        measured.at(1, Event::SessionStarted { task: task(), attempt: 1, session: "s".into() });
        measured.at(2, tool(1, "Ba\"sh", ToolResult::Ok));
        measured.at(3, tool(1, "Bash", ToolResult::Denied));
        measured.at(4, Event::AgentWaited { task: task(), attempt: 1, reason: "busy".into() });
        // Now it ends a wait.
        measured.at(9, tool(1, "Bash", ToolResult::Error));
        // Of nobody: these are counted, and nothing else.
        measured.at(10, tool(2, "Bash", ToolResult::Ok));
        measured.at(
            10,
            Event::SessionStarted { task: TaskId::parse("b").unwrap(), attempt: 1, session: "s".into() },
        );
        let checked = |cached| Event::VerificationEnded {
            task: task(),
            attempt: 1,
            command: "true".into(),
            ending: Ending { exit: Some(0), millis: 5, ..Ending::default() },
            cached,
        };
        measured.at(11, checked(false));
        measured.at(12, checked(true));
        measured.at(
            13,
            Event::ArtifactKept {
                task: None,
                attempt: None,
                artifact: ArtifactKind::Goal,
                path: "goal.md".into(),
                bytes: 77,
                sha256: String::new(),
            },
        );
        measured.at(14, ended("a", 1, Outcome::Succeeded, None));
        assert_eq!((measured.amount(Metric::ToolCall, &[]), measured.sum(Metric::AgentWaitTime)), (3, 5));
        assert_eq!(
            (measured.sum(Metric::ArtifactBytes), measured.amount(Metric::Verification, &[])),
            (77, 2)
        );
    }

    fn process() -> ProcessId {
        ProcessId { pid: 1, start: 1, boot: "b".into() }
    }

    fn id(text: &str) -> TaskId {
        TaskId::parse(text).unwrap()
    }

    #[test]
    fn an_attempt_that_ended_before_anybody_saw_its_process_cost_what_nobody_tells_and_one_that_never_began_nothing()
     {
        let mut measured = Measured::run(vec![agent("a"), agent("b")]);
        measured.at(100, Event::DispatcherStarted { process: process() });
        for (task, exit) in [("a", Some(1)), ("b", None)] {
            measured.at(200, by_claude(task, 1));
            let mut end = ended(task, 1, Outcome::Failed, None);
            if let Event::AttemptEnded { ending, .. } = &mut end {
                *ending = Ending { exit, ..Ending::default() };
            }
            measured.at(300, end);
        }
        assert_eq!(measured.amount(Metric::Unpriced, &["t", "executor", "claude", "opus"]), 1);
    }

    #[test]
    fn a_task_that_is_tried_again_is_measured_with_all_that_it_took() {
        let mut measured = Measured::run(vec![agent("a"), spec("b", &["a"])]);
        measured.at(1_000, Event::DispatcherStarted { process: process() });
        measured.at(1_250, by_claude("a", 1));
        measured.at(1_350, Event::ProcessStarted { task: id("a"), attempt: 1, process: process() });
        let again = Again { not_before: Time(5_000), reason: "limits".into() };
        let mut end = ended("a", 1, Outcome::Failed, Some(again));
        if let Event::AttemptEnded { error_kind, usage, ending, .. } = &mut end {
            *error_kind = Some(ErrorKind::RateLimited);
            *usage = Usage { input_tokens: Some(70), output_tokens: Some(7), cost_usd: Some(0.25), ..*usage };
            *ending = Ending { cpu_millis: 30, max_rss_kib: 2, ..ending.clone() };
        }
        measured.at(3_250, end);
        assert_eq!(measured.amount(Metric::TaskSettled, &[]), 0);
        measured.at(5_500, by_claude("a", 2));
        measured.at(5_600, Event::ProcessStarted { task: id("a"), attempt: 2, process: process() });
        measured.at(6_500, ended("a", 2, Outcome::Succeeded, None));
        measured.at(6_700, started("b", 1));
        measured.at(6_800, ended("b", 1, Outcome::Succeeded, None));
        measured.at(7_000, Event::RunEnded { state: RunStatus::Completed });

        let who = ["t", "executor", "claude", "opus"];
        let with = |more: &[&'static str]| [&who[..], more].concat();
        assert_eq!(measured.amount(Metric::TaskSettled, &with(&["completed", "later"])), 1);
        assert_eq!(measured.amount(Metric::TaskSettled, &["command", "sh", "completed", "first"]), 1);
        assert_eq!(measured.amount(Metric::AttemptEnded, &with(&["failed", "rate_limited"])), 1);
        assert_eq!(measured.amount(Metric::AttemptEnded, &with(&["succeeded", ""])), 1);
        assert_eq!(measured.amount(Metric::Retry, &with(&["rate_limited"])), 1);
        assert_eq!((measured.sum(Metric::RetryDelay), measured.sum(Metric::AttemptSpawn)), (1_750, 200));
        // 250 for a slot, 500 after the delay, 200 after its dependency.
        assert_eq!(measured.sum(Metric::TaskWait), 950);
        assert_eq!((measured.sum(Metric::TaskDuration), measured.sum(Metric::TaskRetries)), (3_100, 1));
        assert_eq!((measured.sum(Metric::Tokens), measured.sum(Metric::Cost)), (77, 250_000));
        assert_eq!(measured.amount(Metric::Unpriced, &who), 1, "nobody told what the second one cost");
        assert_eq!((measured.sum(Metric::AttemptCpu), measured.sum(Metric::AttemptMemory)), (30, 2_048));
        assert_eq!(measured.sum(Metric::RunDuration), 6_000);
        assert_eq!(measured.amount(Metric::RunEnded, &["completed"]), 1);
        assert_eq!(measured.amount(Metric::EventCount, &["attempt_started"]), 3);
    }

    #[test]
    fn work_that_goes_back_is_taken_off_what_was_settled() {
        let mut measured = Measured::run(vec![agent("a")]);
        measured.at(0, Event::DispatcherStarted { process: process() });
        measured.at(0, by_claude("a", 1));
        measured.at(10, ended("a", 1, Outcome::NeedsReview, None));
        let accepted = Event::TaskAccepted { task: id("a"), by: "Ann".into(), note: String::new() };
        measured.at(20, accepted);
        assert_eq!(measured.amount(Metric::TaskReopened, &["needs_review", "first", "acceptance"]), 1);
        assert_eq!(measured.amount(Metric::TaskSettled, &["completed", "later"]), 1);
        assert_eq!(measured.amount(Metric::WorkJudged, &["person", "accepted"]), 1);
        let asked = Asked { sent_by: Some(RunId::from_random(2)), ..Asked::default() };
        let back = Event::TaskRequeued { task: id("a"), by: "Ann".into(), reason: "r".into(), asked };
        measured.at(30, back);
        assert_eq!(measured.amount(Metric::TaskReopened, &["completed", "later", "review"]), 1);
        measured.at(50, by_claude("a", 2));
        measured.at(90, ended("a", 2, Outcome::Succeeded, None));
        assert_eq!(measured.amount(Metric::TaskSettled, &["completed", "later"]), 2);
        assert_eq!(measured.amount(Metric::TaskSettled, &["first"]), 1);
        // Each time only what came after the time before.
        assert_eq!((measured.sum(Metric::TaskDuration), measured.sum(Metric::TaskRetries)), (50, 1));
        assert_eq!(measured.amount(Metric::TaskDuration, &[]), 2);
    }

    /// The start of an attempt by another agent and model than `by_claude` says.
    fn by_other(task: &str, attempt: u32) -> Event {
        started_by("codex", None, task, attempt)
    }

    #[test]
    fn a_task_that_another_agent_takes_over_counts_for_each_by_what_each_did() {
        let mut measured = Measured::run(vec![agent("a")]);
        measured.at(0, by_claude("a", 1));
        measured.at(10, ended("a", 1, Outcome::Failed, None));
        let asked = Asked { agent: Some("codex".into()), ..Asked::default() };
        let back = Event::TaskRequeued { task: id("a"), by: "Ann".into(), reason: "r".into(), asked };
        measured.at(20, back);
        measured.at(30, by_other("a", 2));
        measured.at(70, ended("a", 2, Outcome::Succeeded, None));
        let settled = |words: &[&str]| measured.amount(Metric::TaskSettled, words);
        assert_eq!(settled(&["claude", "passed_on", "first"]), 1);
        assert_eq!(measured.amount(Metric::TaskReopened, &["claude", "failed", "first", "person"]), 1);
        assert_eq!((settled(&["codex", "completed", "taken_over"]), settled(&[])), (1, 3));
        let of_agents = super::super::quality::of_agents(&measured.seen());
        let found: Vec<_> = of_agents
            .iter()
            .map(|one| (&*one.agent, one.tasks, one.first_pass, one.passes, one.took.sum))
            .collect();
        assert_eq!(found, [("claude", 1, 0, 1, 0), ("codex", 1, 1, 1, 40)]);
        let all = super::super::quality::totals(&measured.seen()).all;
        assert_eq!((all.tasks, all.completed, all.first_pass, all.passes), (1, 1, 0, 2));
    }

    #[test]
    fn a_model_that_another_one_stands_in_for_has_its_own_task_unless_it_was_only_interrupted() {
        for (outcome, expected) in [(Outcome::Failed, (1, "taken_over")), (Outcome::Cancelled, (0, "first"))]
        {
            let mut measured = Measured::run(vec![agent("a")]);
            let again = Again { not_before: Time(15), reason: "r".into() };
            measured.at(0, by_claude("a", 1));
            measured.at(10, ended("a", 1, outcome, Some(again.clone())));
            measured.at(20, by_claude("a", 2));
            measured.at(40, ended("a", 2, outcome, Some(again)));
            measured.at(50, by_other("a", 3));
            measured.at(55, ended("a", 3, Outcome::Succeeded, None));
            let (passed_on, pass) = expected;
            assert_eq!(measured.amount(Metric::TaskSettled, &["opus", "passed_on"]), passed_on);
            assert_eq!(measured.amount(Metric::TaskSettled, &["codex", "completed", pass]), 1, "{outcome:?}");
            assert_eq!(measured.amount(Metric::TaskDuration, &["opus", "passed_on"]), passed_on);
            // 30 for the first, 5 for the second.
            assert_eq!(measured.sum(Metric::TaskDuration), 5 + 30 * passed_on, "{outcome:?}");
            assert_eq!(measured.sum(Metric::TaskRetries), passed_on, "{outcome:?}");
        }
    }

    /// A task that reviews the work of `a`, in up to two rounds.
    fn reviewer(name: &str) -> TaskSpec {
        let reviews = Reviews { task: Some(id("a")), rounds: 2, name: name.into(), ..Reviews::default() };
        TaskSpec { reviews: Some(reviews), ..agent(name) }
    }

    #[test]
    fn a_round_of_reviewers_comes_to_one_verdict_and_each_pass_is_a_task_of_its_own() {
        let mut measured = Measured::run(vec![agent("a"), reviewer("strict"), reviewer("lax")]);
        let mut at = 0;
        let finding = serde_json::json!({"severity": "error", "category": "race", "file": "a.rs", "start_line": 1,
            "end_line": 1, "title": "t", "fingerprint": "aa11"});
        for round in 1..=3_u32 {
            if round > 1 {
                let reviewers = vec![id("strict"), id("lax")];
                let begun =
                    Event::ReviewRoundBegun { task: id("a"), reviewers, round: round - 1, note: "n".into() };
                measured.at(at, begun);
            }
            for task in ["a", "lax", "strict"] {
                at += 10;
                let start = if task == "a" { by_claude(task, round) } else { by_other(task, round) };
                measured.at(at, start);
                let (verdict, findings) = match task {
                    "strict" => ("changes_requested", vec![finding.clone()]),
                    _ => ("approved", vec![]),
                };
                let handed_in =
                    serde_json::json!({"review": {"verdict": verdict, "body": "b", "findings": findings}});
                if task != "a" {
                    let handed_in = serde_json::from_value(handed_in).unwrap();
                    let (task, request, ignored) = (id(task), "r".into(), vec![]);
                    let event =
                        Event::SubmissionAccepted { task, attempt: round, request, handed_in, ignored };
                    measured.at(at, event);
                }
                let is_last = task == "strict" && round == 3;
                let outcome = if is_last { Outcome::NeedsReview } else { Outcome::Succeeded };
                let mut end = ended(task, round, outcome, None);
                if let (Event::AttemptEnded { reason, .. }, true) = (&mut end, is_last) {
                    *reason = format!("{} after 2 rounds", rounds::STILL_REQUESTED);
                }
                measured.at(at + 5, end);
            }
        }
        let judged =
            |verdict: &'static str| measured.amount(Metric::WorkJudged, &["claude", "review", verdict]);
        assert_eq!((judged("rejected"), judged("accepted")), (3, 0));
        assert_eq!(measured.amount(Metric::ReviewFinding, &[]), 1, "found three times, and the same");
        assert_eq!(measured.amount(Metric::ReviewPass, &["lax", "approved"]), 3);
        let settled = |words: &[&str]| measured.amount(Metric::TaskSettled, words);
        assert_eq!((settled(&["codex", "first"]), settled(&["codex", "later"])), (6, 0));
        assert_eq!(measured.amount(Metric::TaskReopened, &["codex"]), 0);
        assert_eq!(measured.amount(Metric::TaskReopened, &["claude", "review"]), 2);
        assert_eq!((settled(&["claude", "first"]), settled(&["claude", "later"])), (1, 2));
    }

    #[test]
    fn an_attempt_after_which_a_person_decides_is_no_retry() {
        let attempt = |paused| Attempt { paused, ..attempts(1).remove(0) };
        let rows: [(&[bool], u64, u64); 6] = [
            (&[], 0, 0),
            (&[false], 0, 0),
            (&[false, false, false], 0, 2),
            // A plan, or a question, and then the work.
            (&[true, false], 0, 0),
            (&[true], 0, 0),
            (&[true, true], 1, 0),
        ];
        for (paused, sent_back, expected) in rows {
            let attempts: Vec<Attempt> = paused.iter().map(|paused| attempt(*paused)).collect();
            let found = retries(&attempts, sent_back, false);
            assert_eq!(found, expected, "{paused:?}, sent back {sent_back} times");
        }
        assert_eq!(retries(&[attempt(true), attempt(false)], 1, false), 1, "sent back, and done once more");
        assert_eq!(retries(&[attempt(false)], 0, true), 1, "it was settled before");
        assert_eq!(retries(&[attempt(true)], 0, true), 1, "it was settled before, and a person decided");
        assert_eq!(retries(&[], 0, true), 0, "it was accepted");
    }

    #[test]
    fn what_was_interrupted_or_lost_costs_no_first_pass_and_is_no_retry() {
        for outcome in [Outcome::Cancelled, Outcome::Lost] {
            let mut measured = Measured::run(vec![agent("a")]);
            measured.at(0, by_claude("a", 1));
            let again = Again { not_before: Time(20), reason: "interrupted".into() };
            measured.at(10, ended("a", 1, outcome, Some(again)));
            measured.at(30, by_claude("a", 2));
            measured.at(40, ended("a", 2, Outcome::Succeeded, None));
            assert_eq!(measured.amount(Metric::TaskSettled, &["completed", "first"]), 1, "{outcome:?}");
            assert_eq!((measured.sum(Metric::TaskRetries), measured.amount(Metric::Retry, &[])), (0, 0));
            assert_eq!(measured.amount(Metric::RetryDelay, &[]), 0, "{outcome:?}");
            assert_eq!(measured.sum(Metric::TaskDuration), 20, "{outcome:?}");
        }
    }

    #[test]
    fn a_run_that_is_cancelled_is_asked_once_whatever_is_at_work() {
        let mut measured = Measured::run(vec![agent("a"), agent("b"), agent("c")]);
        let asked = |task: Option<&str>| Event::CancelAsked {
            task: task.map(id),
            by: "Ann".into(),
            reason: "".into(),
        };
        ["a", "b", "c"].iter().for_each(|task| measured.at(0, by_claude(task, 1)));
        measured.at(5, asked(Some("c")));
        [None, Some("a"), Some("b")].into_iter().for_each(|task| measured.at(10, asked(task)));
        assert_eq!(measured.amount(Metric::RunStopAsked, &["cancel"]), 1);
        assert_eq!(measured.amount(Metric::RunStopAsked, &["cancel_task"]), 1, "that of one task alone");
    }

    fn attempts(count: u32) -> Vec<Attempt> {
        let mut run = crate::domain::run::tests::run_of(vec![spec("a", &[])]);
        for number in 1..=count {
            run.apply(Time(0), &started("a", number)).unwrap();
        }
        run.tasks[0].attempts.clone()
    }

    #[test]
    fn what_an_agent_does_on_its_way_is_measured() {
        let mut measured = Measured::run(vec![agent("a")]);
        measured.at(0, by_claude("a", 1));
        let wait = |reason: &str| Event::AgentWaited { task: id("a"), attempt: 1, reason: reason.into() };
        let tool = |tool: &str, result| Event::ToolInvoked {
            task: id("a"),
            attempt: 1,
            tool: tool.into(),
            arguments: String::new(),
            result,
            millis: 40,
        };
        measured.at(100, wait("busy"));
        measured.at(300, wait(""));
        measured.at(400, wait("busy"));
        measured.at(900, tool("Bash\u{7}\u{1f}x", ToolResult::Denied));
        measured.at(950, tool("Bash", ToolResult::Ok));
        assert_eq!((measured.amount(Metric::AgentWait, &[]), measured.sum(Metric::AgentWaitTime)), (2, 700));
        assert_eq!(measured.amount(Metric::ToolCall, &["Bash", "ok"]), 1);
        assert_eq!(
            (measured.amount(Metric::ToolCall, &["denied"]), measured.sum(Metric::ToolDuration)),
            (1, 80)
        );
        let labels = measured.seen();
        let clean = labels.series.iter().flat_map(|series| series.labels.iter());
        assert!(clean.into_iter().all(|label| !label.chars().any(char::is_control)));
    }

    #[test]
    fn what_was_counted_before_only_leads_to_the_state_that_later_events_begin_from() {
        struct Nothing;
        impl Sink for Nothing {
            fn take(&mut self, _: Metric, _: &[&str], _: u64) {}
        }
        let events = [
            (5, Event::TaskCreated { spec: agent("a") }),
            (10, by_claude("a", 1)),
            (60, ended("a", 1, Outcome::Succeeded, None)),
        ];
        let mut measured = Measured::run(vec![]);
        for (at, event) in events {
            match at {
                60 => measured.at(60, event),
                _ => {
                    let recorded = Recorded { seq: 1, run: RunId::from_random(1), at: Time(at), event };
                    measured.meter.take(&recorded, &mut Nothing);
                    measured.raw.0.take(&recorded, &mut Nothing);
                }
            }
        }
        assert_eq!(measured.amount(Metric::EventCount, &[]), 2, "the run's first and the last");
        assert_eq!(
            (measured.sum(Metric::TaskDuration), measured.amount(Metric::TaskSettled, &["first"])),
            (50, 1)
        );
    }
}
