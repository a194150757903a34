//! A run as a trace: its tasks, attempts, tool calls, verification commands and gates are spans.
//!
//! Everything follows from the recorded events, so a run of last year makes the same trace as one that goes on now, with
//! the same ids. A span is handed on when it ends and never again: where a run or a task goes on that was over, that is
//! a span of its own.
//!
//! Names and attributes are those of OpenTelemetry's conventions for generative AI where they fit (they are in
//! development there), and `crew.*` elsewhere. Prompts, results, goals and the arguments of tools are no part of a trace.

use crate::domain::event::{Event, Outcome, Recorded, ToolResult};
use crate::domain::gate::GateId;
use crate::domain::id::{RunId, TaskId};
use crate::domain::redact::Redactor;
use crate::domain::run::{Run, RunStatus};
use crate::domain::task::{TaskState, Work};
use crate::domain::time::Time;
use crate::domain::trace_context::{SpanId, TraceContext, TraceId};
use crate::domain::usage::Usage;
use std::collections::{BTreeMap, HashMap};

/// The most characters of a text.
const MAX_TEXT: usize = 256;
/// The most that is told to have happened within a span, and the most spans that one links to; OpenTelemetry's own bound.
const MAX_HAPPENED: usize = 128;

/// What an attribute says.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Whole(i64),
    Decimal(f64),
    Flag(bool),
}

/// A name and what it says.
pub type Attribute = (&'static str, Value);

/// Something that happened within a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    pub at: Time,
    pub name: &'static str,
    pub attributes: Vec<Attribute>,
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub trace: TraceId,
    pub id: SpanId,
    pub parent: Option<SpanId>,
    pub name: String,
    pub begin: Time,
    /// Not before `begin`, though the clock may have been set back.
    pub end: Time,
    pub attributes: Vec<Attribute>,
    pub happened: Vec<Happened>,
    /// How much more happened than is told.
    pub dropped: u32,
    /// Spans of the same trace that this one follows from.
    pub links: Vec<SpanId>,
    /// What went wrong; absent where nothing did.
    pub error: Option<String>,
}

/// Follows a run, and makes its spans as they end.
#[derive(Debug)]
pub struct Tracer {
    /// Takes secrets out of all texts.
    words: Redactor,
    trace: TraceId,
    run: Option<Run>,
    root: Option<Span>,
    /// How often the run was over.
    overs: u32,
    tasks: HashMap<TaskId, Span>,
    /// How often each task was settled.
    settled: HashMap<TaskId, u32>,
    attempts: HashMap<TaskId, OpenAttempt>,
    gates: BTreeMap<GateId, Span>,
    last: Time,
}

#[derive(Debug)]
struct OpenAttempt {
    span: Span,
    number: u32,
    tools: u32,
    checks: u32,
}

fn whole(number: impl TryInto<i64>) -> Value {
    Value::Whole(number.try_into().unwrap_or(i64::MAX))
}

impl Tracer {
    /// Follows a run from its first event on.
    pub fn new(run: &RunId, words: Redactor) -> Tracer {
        Tracer {
            words,
            trace: TraceContext::of_run(run, None).trace,
            run: None,
            root: None,
            overs: 0,
            tasks: HashMap::new(),
            settled: HashMap::new(),
            attempts: HashMap::new(),
            gates: BTreeMap::new(),
            last: Time(0),
        }
    }

    /// Takes the next event of the run in, and returns the spans that end with it, inner ones first. An event that does not
    /// follow from those before it is left out.
    pub fn take(&mut self, recorded: &Recorded) -> Vec<Span> {
        let Recorded { run: id, at, event, .. } = recorded;
        self.last = *at;
        let Some(run) = &mut self.run else {
            if let Ok(run) = Run::create(id.clone(), *at, event) {
                self.trace = TraceContext::of_run(id, run.caller.as_ref()).trace;
                self.run = Some(run);
                self.begin_run(id, *at);
            }
            return Vec::new();
        };
        let state_of = |run: &Run| Some(run.task(event.task()?)?.state);
        let before = state_of(run);
        if run.apply(*at, event).is_err() {
            return Vec::new();
        }
        let after = state_of(run);
        let mut ended = Vec::new();
        self.follow(id, *at, event, &mut ended);
        if let (Some(task), Some(state)) = (event.task(), after)
            && state.is_settled()
            && before.is_none_or(|before| !before.is_settled())
        {
            self.end_task(id, task, (*at, state), &mut ended);
        }
        if let Event::RunEnded { state } = event {
            match state.goes_on() {
                true => self.note_in_run(
                    *at,
                    "crew.dispatcher_stopped",
                    vec![("crew.run.state", self.text(state.name()))],
                ),
                false => self.end_run(*at, *state, &mut ended),
            }
        }
        ended
    }

    /// Returns what has not ended, as if it ended now; inner spans first. Each says so by `crew.unfinished`.
    pub fn unfinished(mut self, now: Time) -> Vec<Span> {
        let now = now.max(self.last);
        let attempts = self.attempts.drain().map(|(_, attempt)| attempt.span);
        let gates = std::mem::take(&mut self.gates).into_values();
        let mut open: Vec<Span> = attempts.chain(gates).collect();
        let mut tasks: Vec<Span> = self.tasks.drain().map(|(_, span)| span).collect();
        for spans in [&mut open, &mut tasks] {
            spans.sort_by_key(|span| (span.begin, *span.id.bytes()));
        }
        open.extend(tasks.into_iter().chain(self.root.take()));
        for span in &mut open {
            span.attributes.push(("crew.unfinished", Value::Flag(true)));
            span.end = span.begin.max(now);
        }
        open
    }

    fn text(&self, text: &str) -> Value {
        Value::Text(self.words.line(text, MAX_TEXT))
    }

    fn span(&self, id: SpanId, parent: Option<SpanId>, name: &str, begin: Time) -> Span {
        Span {
            trace: self.trace,
            id,
            parent,
            name: self.words.line(name, MAX_TEXT),
            begin,
            end: begin,
            attributes: Vec::new(),
            happened: Vec::new(),
            dropped: 0,
            links: Vec::new(),
            error: None,
        }
    }

    fn begin_run(&mut self, id: &RunId, at: Time) {
        let Some(run) = &self.run else { return };
        let first = SpanId::of_run(id, 0);
        let parent = match self.overs {
            0 => run.caller.as_ref().map(|caller| caller.span),
            _ => Some(first),
        };
        let what = if run.review.is_some() { "review" } else { run.workflow.as_str() };
        let mut span =
            self.span(SpanId::of_run(id, self.overs), parent, &format!("invoke_workflow {what}"), at);
        span.attributes = vec![
            ("gen_ai.operation.name", self.text("invoke_workflow")),
            ("gen_ai.workflow.name", self.text(what)),
            ("crew.run.id", self.text(id.as_str())),
            ("crew.team", self.text(&run.team)),
        ];
        self.root = Some(span);
    }

    /// Returns the span that tasks are part of, and begins one where the run was over.
    fn root_id(&mut self, id: &RunId, at: Time) -> SpanId {
        if self.root.is_none() {
            self.begin_run(id, at);
        }
        SpanId::of_run(id, self.overs)
    }

    fn times_settled(&self, task: &TaskId) -> u32 {
        self.settled.get(task).copied().unwrap_or(0)
    }

    /// Returns the span that attempts and gates of a task are part of, and begins one where there is none.
    fn task_id(&mut self, id: &RunId, task: &TaskId, at: Time) -> SpanId {
        let span_id = SpanId::of_task(id, task, self.times_settled(task));
        if self.tasks.contains_key(task) {
            return span_id;
        }
        let root = self.root_id(id, at);
        let mut span = self.span(span_id, Some(root), &format!("task {task}"), at);
        span.attributes.push(("crew.task.id", self.text(task.as_str())));
        if let Some(known) = self.run.as_ref().and_then(|run| run.task(task)) {
            span.attributes.push(("crew.task.role", self.text(known.spec.role())));
            let before = known.spec.waits_on().filter(|other| self.times_settled(other) > 0);
            let before = before.map(|other| SpanId::of_task(id, other, self.times_settled(other) - 1));
            span.links = before.take(MAX_HAPPENED).collect();
        }
        self.tasks.insert(task.clone(), span);
        span_id
    }

    fn end_task(&mut self, id: &RunId, task: &TaskId, (at, state): (Time, TaskState), ended: &mut Vec<Span>) {
        // One that was skipped has no span yet.
        self.task_id(id, task, at);
        let Some(mut span) = self.tasks.remove(task) else { return };
        *self.settled.entry(task.clone()).or_default() += 1;
        let known = self.run.as_ref().and_then(|run| run.task(task));
        span.attributes.push(("crew.task.state", self.text(state.name())));
        if let Some(known) = known {
            span.attributes.push(("crew.task.attempts", whole(known.attempts.len())));
            if matches!(state, TaskState::Failed | TaskState::NeedsReview) {
                span.error = Some(self.words.line(&known.reason, MAX_TEXT));
                span.attributes.push((
                    "error.type",
                    self.text(
                        known
                            .last()
                            .and_then(|last| last.error_kind)
                            .map_or(state.name(), |kind| kind.name()),
                    ),
                ));
            }
        }
        span.end = span.begin.max(at);
        ended.push(span);
    }

    fn end_run(&mut self, at: Time, state: RunStatus, ended: &mut Vec<Span>) {
        let Some(mut span) = self.root.take() else { return };
        self.overs += 1;
        span.attributes.push(("crew.run.state", self.text(state.name())));
        if matches!(state, RunStatus::Failed | RunStatus::NeedsReview) {
            span.error = Some(state.words().to_owned());
            span.attributes.push(("error.type", self.text(state.name())));
        }
        span.end = span.begin.max(at);
        ended.push(span);
    }

    fn follow(&mut self, id: &RunId, at: Time, event: &Event, ended: &mut Vec<Span>) {
        match event {
            Event::DispatcherStarted { .. } => {
                let is_new = self.root.is_none();
                self.root_id(id, at);
                if !is_new {
                    self.note_in_run(at, "crew.dispatcher_started", Vec::new());
                }
            }
            Event::AttemptStarted { task, attempt, agent, model, .. } => {
                self.begin_attempt(id, (task, *attempt), (agent, model.as_deref()), at);
            }
            Event::ToolInvoked { task, attempt, tool, result, millis, .. } => {
                let Some(open) = self.attempts.get_mut(task) else { return };
                let number = open.tools;
                open.tools += 1;
                let part = SpanId::of_part(id, task, *attempt, ("tool", number));
                let mut span =
                    self.part(part, (id, task, *attempt), &format!("execute_tool {tool}"), (at, *millis));
                span.attributes = vec![
                    ("gen_ai.operation.name", self.text("execute_tool")),
                    ("gen_ai.tool.name", self.text(tool)),
                ];
                let error = (*result != ToolResult::Ok).then(|| result.name());
                span.attributes.extend(error.map(|error| ("error.type", self.text(error))));
                span.error = error.map(str::to_owned);
                ended.push(span);
            }
            Event::VerificationEnded { task, attempt, command, ending, cached } => {
                let Some(open) = self.attempts.get_mut(task) else { return };
                let number = open.checks;
                open.checks += 1;
                let part = SpanId::of_part(id, task, *attempt, ("verify", number));
                let millis = if *cached { 0 } else { ending.millis };
                let mut span = self.part(part, (id, task, *attempt), "verify", (at, millis));
                span.attributes = vec![
                    ("crew.verify.command", self.text(command)),
                    ("crew.verify.cached", Value::Flag(*cached)),
                ];
                span.attributes.extend(ending.exit.map(|exit| ("process.exit.code", whole(exit))));
                if !ending.is_clean() {
                    span.error = Some(crate::domain::judgement::ending_words(ending));
                    span.attributes.push(("error.type", self.text("verify_failed")));
                }
                ended.push(span);
            }
            Event::AttemptEnded { task, attempt, outcome, error_kind, reason, ending, usage, .. } => {
                let Some(OpenAttempt { mut span, .. }) =
                    self.attempts.remove(task).filter(|open| open.number == *attempt)
                else {
                    return;
                };
                span.attributes.push(("crew.attempt.outcome", self.text(outcome.name())));
                span.attributes.extend(ending.exit.map(|exit| ("process.exit.code", whole(exit))));
                span.attributes.extend(attributes_of(usage));
                if matches!(outcome, Outcome::Failed | Outcome::NeedsReview | Outcome::Lost) {
                    let kind = error_kind.map_or(outcome.name(), |kind| kind.name());
                    span.attributes.push(("error.type", self.text(kind)));
                    span.error = Some(self.words.line(reason, MAX_TEXT));
                }
                span.end = span.begin.max(at);
                ended.push(span);
            }
            Event::GateOpened { gate, task, about, .. } => {
                let parent = self.task_id(id, task, at);
                let mut span = self.span(
                    SpanId::of_gate(id, *gate),
                    Some(parent),
                    &format!("gate {}", about.name()),
                    at,
                );
                span.attributes = vec![
                    ("crew.gate.id", self.text(&gate.to_string())),
                    ("crew.gate.about", self.text(about.name())),
                    ("crew.task.id", self.text(task.as_str())),
                ];
                self.gates.insert(*gate, span);
            }
            Event::GateDecided { gate, decision, .. } => {
                let Some(mut span) = self.gates.remove(gate) else { return };
                span.attributes.push(("crew.gate.decision", self.text(decision.name())));
                span.end = span.begin.max(at);
                ended.push(span);
            }
            _ => self.note(at, event),
        }
    }

    fn begin_attempt(
        &mut self,
        id: &RunId,
        (task, number): (&TaskId, u32),
        (agent, model): (&str, Option<&str>),
        at: Time,
    ) {
        let parent = self.task_id(id, task, at);
        let work = self.run.as_ref().and_then(|run| run.task(task)).map(|task| &task.spec.work);
        let is_agent = matches!(work, Some(Work::Agent { .. }));
        let name = match work {
            Some(Work::Command { .. }) => "command".to_owned(),
            Some(Work::Merge { .. }) => "merge".to_owned(),
            _ => format!("invoke_agent {agent}"),
        };
        let mut span = self.span(SpanId::of_attempt(id, task, number), Some(parent), &name, at);
        if is_agent {
            span.attributes.push(("gen_ai.operation.name", self.text("invoke_agent")));
            span.attributes.push(("gen_ai.agent.name", self.text(agent)));
            span.attributes.extend(provider_of(agent).map(|name| ("gen_ai.provider.name", self.text(name))));
            span.attributes.extend(model.map(|model| ("gen_ai.request.model", self.text(model))));
        }
        span.attributes.push(("crew.task.id", self.text(task.as_str())));
        span.attributes.push(("crew.attempt.number", whole(number)));
        self.attempts.insert(task.clone(), OpenAttempt { span, number, tools: 0, checks: 0 });
    }

    /// Makes the span of a part of an attempt, which has just ended.
    fn part(
        &self,
        id: SpanId,
        (run, task, attempt): (&RunId, &TaskId, u32),
        name: &str,
        (end, millis): (Time, u64),
    ) -> Span {
        let parent = self.attempts.get(task).map(|open| &open.span);
        // An agent's own measure of time may be wrong.
        let earliest = parent.map_or(end, |span| span.begin).min(end);
        let begin = end.moved(-i64::try_from(millis).unwrap_or(0)).clamp(earliest, end);
        Span { end, ..self.span(id, Some(SpanId::of_attempt(run, task, attempt)), name, begin) }
    }

    fn note_in_run(&mut self, at: Time, name: &'static str, attributes: Vec<Attribute>) {
        self.root
            .iter_mut()
            .for_each(|span| note_in(span, Happened { at, name, attributes: attributes.clone() }));
    }

    /// Notes what happened in the span of the attempt, the task or the run that it happened to.
    fn note(&mut self, at: Time, event: &Event) {
        let text = |text: &str| self.text(text);
        let (name, mut attributes) = match event {
            Event::ProcessStarted { process, .. } => {
                ("crew.process_started", vec![("process.pid", whole(process.pid))])
            }
            Event::AttemptAdopted { .. } => ("crew.attempt_adopted", Vec::new()),
            Event::SessionStarted { task, session, .. } => {
                let session = text(session);
                if let Some(open) = self.attempts.get_mut(task) {
                    open.span.attributes.push(("gen_ai.conversation.id", session));
                }
                return;
            }
            Event::AgentWaited { reason, .. } => ("crew.agent_waited", vec![("crew.reason", text(reason))]),
            Event::SubmissionAccepted { handed_in, .. } => {
                let mut said = vec![("crew.submission.kind", text(handed_in.kind().name()))];
                said.extend(
                    handed_in.confidence().map(|sure| ("crew.submission.confidence", Value::Decimal(sure))),
                );
                ("crew.submission_accepted", said)
            }
            Event::SubmissionRefused { code, .. } => {
                ("crew.submission_refused", vec![("error.type", text(code.name()))])
            }
            Event::NoteTaken { note, .. } => {
                ("crew.note_taken", vec![("crew.note.kind", text(note.kind().name()))])
            }
            Event::AgentNudged { .. } => ("crew.agent_nudged", Vec::new()),
            Event::VerificationStarted { .. } => ("crew.verification_started", Vec::new()),
            Event::WorkKept { files, insertions, deletions, .. } => (
                "crew.work_kept",
                vec![
                    ("crew.files", whole(*files)),
                    ("crew.insertions", whole(*insertions)),
                    ("crew.deletions", whole(*deletions)),
                ],
            ),
            Event::TaskRequeued { .. } => ("crew.task_requeued", Vec::new()),
            Event::ReviewRoundBegun { round, .. } => {
                ("crew.review_round_begun", vec![("crew.review.round", whole(*round))])
            }
            Event::TaskDeadLettered { why, .. } => {
                ("crew.task_dead_lettered", vec![("crew.reason", text(why.name()))])
            }
            Event::BudgetWarned { what, .. } => {
                ("crew.budget_warned", vec![("crew.budget", text(what.name()))])
            }
            Event::ConflictGiven { agent, .. } => {
                ("crew.conflict_given", vec![("gen_ai.agent.name", text(agent))])
            }
            Event::ConflictResolved { .. } => ("crew.conflict_resolved", Vec::new()),
            Event::ConflictLeft { .. } => ("crew.conflict_left", Vec::new()),
            Event::WorkMerged { .. } => ("crew.work_merged", Vec::new()),
            Event::ClockJumped { .. } => ("crew.clock_jumped", Vec::new()),
            Event::StopAsked { .. } => ("crew.stop_asked", Vec::new()),
            Event::CancelAsked { .. } => ("crew.cancel_asked", Vec::new()),
            _ => return,
        };
        let task = event.task();
        let attempt = task.and_then(|task| self.attempts.get_mut(task));
        let attempt = attempt.filter(|open| event.attempt() == Some(open.number)).map(|open| &mut open.span);
        let within_task = task.and_then(|task| self.tasks.get_mut(task));
        match (attempt, within_task) {
            (Some(span), _) | (None, Some(span)) => note_in(span, Happened { at, name, attributes }),
            (None, None) => {
                let task = task.map(|task| ("crew.task.id", Value::Text(task.to_string())));
                attributes.extend(task);
                self.note_in_run(at, name, attributes);
            }
        }
    }
}

fn note_in(span: &mut Span, happened: Happened) {
    if span.happened.len() < MAX_HAPPENED {
        span.happened.push(happened);
    } else {
        span.dropped += 1;
    }
}

/// Returns who answers an agent of this name, as far as the name says.
fn provider_of(agent: &str) -> Option<&'static str> {
    match agent {
        "claude" => Some("anthropic"),
        "codex" => Some("openai"),
        "gemini" => Some("gcp.gemini"),
        _ => None,
    }
}

fn attributes_of(usage: &Usage) -> Vec<Attribute> {
    // By the conventions, tokens of the cache are part of the input.
    let input = match (usage.input_tokens, usage.cached_tokens) {
        (None, None) => None,
        (input, cached) => Some(input.unwrap_or(0).saturating_add(cached.unwrap_or(0))),
    };
    let mut attributes = Vec::new();
    attributes.extend(input.map(|tokens| ("gen_ai.usage.input_tokens", whole(tokens))));
    attributes.extend(usage.output_tokens.map(|tokens| ("gen_ai.usage.output_tokens", whole(tokens))));
    attributes.extend(usage.cached_tokens.map(|tokens| ("crew.usage.cached_tokens", whole(tokens))));
    attributes.extend(usage.cost_usd.map(|dollars| ("crew.usage.cost_usd", Value::Decimal(dollars))));
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::gate::{About, Decision};
    use serde_json::{Value as Json, json};

    const RUN: &str = "7k2aaaaaaaaa";

    fn run_id() -> RunId {
        RunId::parse(RUN).unwrap()
    }

    fn event(json: Json) -> Event {
        serde_json::from_value(json).unwrap()
    }

    /// Follows a run of two tasks, of which `b` depends on `a`; events come a second after each other.
    fn follow(events: Vec<Json>) -> (Vec<Span>, Tracer) {
        follow_called(events, None)
    }

    fn follow_called(events: Vec<Json>, caller: Option<&str>) -> (Vec<Span>, Tracer) {
        let work = json!({"agent": {"role": "executor", "program": "claude", "persona": "", "task": "", "writes": true,
            "submit_optional": true}});
        let mut created = json!({"kind": "run_created", "goal": "the goal", "team": "t", "workflow": "w",
            "crew_version": "0", "limits": {"jobs": 1, "fail_fast": false}});
        if let Some(caller) = caller {
            created["caller"] = json!(caller);
        }
        let begin = vec![
            created,
            json!({"kind": "task_created", "spec": {"id": "a", "work": work}}),
            json!({"kind": "task_created", "spec": {"id": "b", "work": {"command": {"run": "true"}}, "depends_on": ["a"]}}),
        ];
        let mut tracer = Tracer::new(&run_id(), Redactor::knowing(["s3cretvalue"]));
        let mut spans = Vec::new();
        for (at, json) in begin.into_iter().chain(events).enumerate() {
            let recorded =
                Recorded { seq: at as i64, run: run_id(), at: Time(at as i64 * 1000), event: event(json) };
            spans.extend(tracer.take(&recorded));
        }
        (spans, tracer)
    }

    fn started(task: &str, attempt: u32) -> Json {
        json!({"kind": "attempt_started", "task": task, "attempt": attempt, "agent": "claude", "model": "opus",
            "token_hash": "", "log": "l"})
    }

    fn ended(task: &str, attempt: u32, outcome: &str) -> Json {
        json!({"kind": "attempt_ended", "task": task, "attempt": attempt, "outcome": outcome,
            "error_kind": (outcome == "failed").then_some("network"), "reason": "no s3cretvalue for you",
            "usage": {"input_tokens": 5, "cached_tokens": 7, "output_tokens": 3, "cost_usd": 0.25},
            "ending": {"exit": 0, "millis": 0, "cpu_millis": 0, "max_rss_kib": 0, "output_bytes": 0}})
    }

    fn over(state: &str) -> Json {
        json!({"kind": "run_ended", "state": state})
    }

    fn said<'a>(span: &'a Span, name: &str) -> &'a Value {
        let found = span.attributes.iter().find(|(known, _)| *known == name);
        &found.unwrap_or_else(|| panic!("{name} is not in {:?}", span.attributes)).1
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn a_run_is_a_trace_of_tasks_attempts_tools_and_checks() {
        let (spans, tracer) = follow(vec![
            started("a", 1),
            json!({"kind": "session_started", "task": "a", "attempt": 1, "session": "s1"}),
            json!({"kind": "tool_invoked", "task": "a", "attempt": 1, "tool": "bash", "arguments": "x", "result": "ok",
                "millis": 1500}),
            json!({"kind": "tool_invoked", "task": "a", "attempt": 1, "tool": "edit", "arguments": "x",
                "result": "denied", "millis": 99_000}),
            json!({"kind": "verification_started", "task": "a", "attempt": 1}),
            json!({"kind": "verification_ended", "task": "a", "attempt": 1, "command": "make", "ending": {"exit": 2,
                "millis": 400, "cpu_millis": 0, "max_rss_kib": 0, "output_bytes": 0}}),
            ended("a", 1, "succeeded"),
            started("b", 1),
            ended("b", 1, "succeeded"),
            over("completed"),
        ]);
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "execute_tool bash",
                "execute_tool edit",
                "verify",
                "invoke_agent claude",
                "task a",
                "command",
                "task b",
                "invoke_workflow w"
            ]
        );
        let parents: Vec<Option<usize>> = spans
            .iter()
            .map(|span| span.parent.map(|id| spans.iter().position(|other| other.id == id).unwrap()))
            .collect();
        assert_eq!(parents, [Some(3), Some(3), Some(3), Some(4), Some(7), Some(6), Some(7), None]);
        let times: Vec<(i64, i64)> = spans.iter().map(|span| (span.begin.0, span.end.0)).collect();
        assert_eq!(
            times,
            [
                (3500, 5000),
                // It says that it took longer than the attempt.
                (3000, 6000),
                (7600, 8000),
                (3000, 9000),
                (3000, 9000),
                (10_000, 11_000),
                (10_000, 11_000),
                (0, 12_000)
            ]
        );
        let attempt = &spans[3];
        assert_eq!(attempt.id, SpanId::of_attempt(&run_id(), &TaskId::parse("a").unwrap(), 1));
        assert_eq!(said(attempt, "gen_ai.usage.input_tokens"), &Value::Whole(12));
        assert_eq!(said(attempt, "gen_ai.provider.name"), &text("anthropic"));
        assert_eq!(said(attempt, "gen_ai.conversation.id"), &text("s1"));
        assert_eq!(
            (said(&spans[1], "error.type"), &spans[1].error),
            (&text("denied"), &Some("denied".into()))
        );
        assert_eq!(spans[2].error.as_deref(), Some("exit 2"));
        assert_eq!(spans[6].links, [spans[4].id], "what it waited for");
        assert!(
            spans.iter().all(|span| span.trace == spans[0].trace && span.id != SpanId::of_run(&run_id(), 1))
        );
        let all = format!("{spans:?}");
        assert!(!all.contains("the goal") && !all.contains("s3cret"), "{all}");
        assert_eq!(tracer.unfinished(Time(99_000)), []);
    }

    #[test]
    fn a_failure_is_an_error_of_the_attempt_the_task_and_the_run() {
        let (spans, _) = follow(vec![
            started("a", 1),
            ended("a", 1, "failed"),
            json!({"kind": "task_skipped", "task": "b", "reason": "a has failed"}),
            over("failed"),
        ]);
        let errors: Vec<Option<&str>> = spans.iter().map(|span| span.error.as_deref()).collect();
        let why = Some("no [redacted] for you");
        assert_eq!(errors, [why, why, None, Some("failed")]);
        assert_eq!(said(&spans[0], "error.type"), &text("network"));
        assert_eq!(said(&spans[2], "crew.task.state"), &text("skipped"));
        assert_eq!(spans[2].begin, spans[2].end, "it never began");
    }

    #[test]
    fn a_run_that_is_interrupted_goes_on_in_the_same_span_and_one_that_was_over_in_another() {
        let process = json!({"pid": 1, "start": 1, "boot": "b"});
        let dispatcher = || json!({"kind": "dispatcher_started", "process": process});
        let (spans, _) =
            follow(vec![dispatcher(), started("a", 1), ended("a", 1, "cancelled"), over("interrupted")]);
        assert!(spans.iter().all(|span| !span.name.starts_with("invoke_workflow")), "{spans:?}");
        let requeued = json!({"kind": "task_requeued", "task": "a", "by": "Ann", "reason": "again"});
        let (spans, tracer) = follow(vec![
            dispatcher(),
            started("a", 1),
            ended("a", 1, "failed"),
            json!({"kind": "task_skipped", "task": "b", "reason": "a has failed"}),
            over("failed"),
            requeued,
            dispatcher(),
            started("a", 2),
            ended("a", 2, "succeeded"),
        ]);
        let run = run_id();
        let a = TaskId::parse("a").unwrap();
        assert_eq!(spans[3].id, SpanId::of_run(&run, 0));
        let again = spans.last().unwrap();
        assert_eq!((again.id, again.parent), (SpanId::of_task(&run, &a, 1), Some(SpanId::of_run(&run, 1))));
        let different: std::collections::HashSet<SpanId> = spans.iter().map(|span| span.id).collect();
        assert_eq!(different.len(), spans.len(), "no span is handed on twice");
        let open = tracer.unfinished(Time(99_000));
        let [root] = &open[..] else { panic!("{open:?}") };
        assert_eq!((root.id, root.parent), (SpanId::of_run(&run, 1), Some(SpanId::of_run(&run, 0))));
        assert_eq!((said(root, "crew.unfinished"), root.end), (&Value::Flag(true), Time(99_000)));
    }

    #[test]
    fn a_gate_is_a_span_from_its_opening_to_the_decision() {
        let about = serde_json::to_value(About::Result { summary: "s3cretvalue".into() }).unwrap();
        let mut opened = json!({"kind": "gate_opened", "task": "a", "attempt": 1, "gate": 4});
        opened.as_object_mut().unwrap().extend(about.as_object().unwrap().clone());
        let mut decided = json!({"kind": "gate_decided", "task": "a", "gate": 4, "by": "Ann"});
        let decision = serde_json::to_value(Decision::Approved).unwrap();
        decided.as_object_mut().unwrap().extend(decision.as_object().unwrap().clone());
        let (spans, _) = follow(vec![started("a", 1), opened, ended("a", 1, "succeeded"), decided]);
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["invoke_agent claude", "gate result", "task a"]);
        assert_eq!(spans[1].parent, Some(spans[2].id));
        assert_eq!(said(&spans[1], "crew.gate.decision"), &text("approved"));
        assert_eq!(spans[2].end, Time(6000), "the task waits for the person");
    }

    #[test]
    fn a_run_that_was_called_is_part_of_the_callers_trace() {
        let caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (spans, tracer) = follow_called(vec![started("a", 1), ended("a", 1, "succeeded")], Some(caller));
        let root = tracer.unfinished(Time(0)).pop().unwrap();
        let place = TraceContext::parse(caller).unwrap();
        assert_eq!((root.trace, root.parent), (place.trace, Some(place.span)));
        assert!(spans.iter().all(|span| span.trace == place.trace));
    }

    #[test]
    fn a_span_that_is_noted_on_for_ever_stays_small() {
        let waited = |number| json!({"kind": "agent_waited", "task": "a", "attempt": 1, "reason": format!("r{number}")});
        let events = std::iter::once(started("a", 1)).chain((0..200).map(waited));
        let (spans, _) = follow(events.chain([ended("a", 1, "succeeded")]).collect());
        assert_eq!((spans[0].happened.len(), spans[0].dropped), (MAX_HAPPENED, 200 - MAX_HAPPENED as u32));
    }
}
