//! Decisions that a person has to take before a task goes on: approvals, plans and questions.
//!
//! Whether an action needs one is decided here from the policy alone: what an agent says about it counts for nothing.
//! A gate is recorded before its task pauses, nothing has to stay alive while it is open, and its first decision stands.

use super::cancelling;
use super::error_kind::ErrorKind;
use super::event::Event;
use super::id::TaskId;
use super::request::{Answer, Code, refused};
use super::requeue::{Asked, comes_back};
use super::run::Run;
use super::settings::{self, Settings};
use super::submission::HandedIn;
use super::task::{Task, TaskState, Work};
use super::time::Time;
use super::words::{clean_line, clean_text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The most bytes of a note or an answer.
pub const MAX_NOTE: usize = 16 * 1024;
/// The most characters of a branch's name that people see.
const MAX_BRANCH: usize = 100;

/// Actions that stay in the repository and can be undone there. Any other that nobody listed needs a person's word.
pub const HARMLESS: [&str; 11] =
    ["branch", "build", "commit", "edit", "format", "lint", "plan", "read", "review", "run", "test"];

/// The harmless actions that change nothing, so that not even a gated environment minds them.
const READING: [&str; 4] = ["lint", "plan", "read", "review"];

/// Names a gate: `g1`. Numbers are given once in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GateId(pub u64);

impl GateId {
    /// Takes `g1`, or `1`.
    pub fn parse(text: &str) -> Option<GateId> {
        text.strip_prefix('g').unwrap_or(text).parse().ok().map(GateId)
    }
}

impl fmt::Display for GateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("g{}", self.0))
    }
}

/// What needs a person's word, by the settings.
#[derive(Clone, Debug, PartialEq)]
pub struct GatePolicy {
    /// Less confidence than this needs one, for an action that is not harmless.
    pub confidence_threshold: f64,
    pub environments: Vec<String>,
    pub risky_actions: Vec<String>,
    /// Actions that are not harmless and need none all the same.
    pub allowed_actions: Vec<String>,
}

impl GatePolicy {
    /// Takes the policy from the settings.
    pub fn of(settings: &Settings) -> GatePolicy {
        GatePolicy {
            confidence_threshold: settings.fraction(&settings::GATE_CONFIDENCE),
            environments: settings.names(&settings::GATE_ENVIRONMENTS),
            risky_actions: settings.names(&settings::GATE_RISKY),
            allowed_actions: settings.names(&settings::GATE_ALLOWED),
        }
    }
}

/// Why an action needs a person's word, or that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateReason {
    /// It is listed as risky, or leaves the repository or cannot be undone and nobody allowed it.
    HighRiskAction,
    GatedEnvironment,
    LowConfidence,
    /// None is needed.
    Auto,
}

impl GateReason {
    /// Returns the name used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            GateReason::HighRiskAction => "high_risk_action",
            GateReason::GatedEnvironment => "gated_environment",
            GateReason::LowConfidence => "low_confidence",
            GateReason::Auto => "auto",
        }
    }
}

/// Decides whether an action needs a person's word. The rules are asked from the top; the first that fits decides.
/// `confidence` is that of the work it rests on, where that said any.
pub fn should_gate(
    action: &str,
    environment: Option<&str>,
    confidence: Option<f64>,
    policy: &GatePolicy,
) -> GateReason {
    let listed = |names: &[String], name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let lower = action.to_ascii_lowercase();
    let harmless = HARMLESS.contains(&lower.as_str());
    let unlisted = !harmless && !listed(&policy.allowed_actions, action);
    match () {
        () if listed(&policy.risky_actions, action) || unlisted => GateReason::HighRiskAction,
        () if environment.is_some_and(|name| listed(&policy.environments, name))
            && !READING.contains(&lower.as_str()) =>
        {
            GateReason::GatedEnvironment
        }
        () if confidence.is_some_and(|sure| sure < policy.confidence_threshold) && !harmless => {
            GateReason::LowConfidence
        }
        () => GateReason::Auto,
    }
}

/// When a step wants a person's word, whatever the policy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepGates {
    /// Before it starts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub before: bool,
    /// On its plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plan: bool,
    /// On its result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after: bool,
}

impl StepGates {
    /// Tells whether it wants none.
    pub fn is_none(&self) -> bool {
        *self == StepGates::default()
    }
}

/// What a gate is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum About {
    /// May the task start?
    Start {
        action: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
        /// The least confidence of the results that it rests on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confidence: Option<f64>,
        /// Absent where the step itself asks for the gate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<GateReason>,
    },
    /// Is the task done with this?
    Result { summary: String },
    /// May the task go on by this plan?
    Plan { summary: String },
    Question {
        question: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        options: Vec<String>,
        /// Holds where nobody answers in time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<String>,
    },
}

impl About {
    /// Every word that `name` returns.
    pub const NAMES: [&str; 4] = ["start", "result", "plan", "question"];

    /// Returns the word used in JSON and tables.
    pub fn name(&self) -> &'static str {
        match self {
            About::Start { .. } => "start",
            About::Result { .. } => "result",
            About::Plan { .. } => "plan",
            About::Question { .. } => "question",
        }
    }

    /// Returns what is to be decided, as one line.
    pub fn words(&self) -> String {
        match self {
            About::Start { action, environment, confidence, policy } => {
                let environment = environment.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
                let sure = confidence.map(|sure| format!(", confidence {sure}")).unwrap_or_default();
                let why = match policy {
                    Some(GateReason::HighRiskAction) => " (leaves the repository or cannot be undone)",
                    Some(GateReason::GatedEnvironment) => " (the environment is gated in the settings)",
                    Some(GateReason::LowConfidence) => " (less than gates.confidence_threshold)",
                    Some(GateReason::Auto) | None => " (its step wants your word)",
                };
                format!("may it start: {action}{environment}{sure}{why}")
            }
            About::Result { summary } => format!("is it done: {summary}"),
            About::Plan { summary } => format!("may it go by this plan: {summary}"),
            About::Question { question, .. } => question.clone(),
        }
    }
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    Approved,
    Rejected,
    /// Not like this: the task is worked on again, with the note.
    SentBack,
    Answered {
        answer: String,
    },
    /// Nobody decided in time.
    Expired,
    /// A person wants the task not to be done at all.
    Cancelled,
}

impl Decision {
    /// Returns the word used in JSON and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Decision::Approved => "approved",
            Decision::Rejected => "rejected",
            Decision::SentBack => "sent_back",
            Decision::Answered { .. } => "answered",
            Decision::Expired => "expired",
            Decision::Cancelled => "cancelled",
        }
    }
}

/// A decision with who took it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    pub decision: Decision,
    pub by: String,
    pub note: String,
    pub at: Time,
}

/// A gate of a run, open or decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    pub id: GateId,
    pub task: TaskId,
    /// The attempt that led to it; none for one before the start.
    pub attempt: Option<u32>,
    pub about: About,
    pub opened_at: Time,
    /// Absent where it waits for ever.
    pub expires_at: Option<Time>,
    pub decided: Option<Decided>,
}

impl Gate {
    /// Tells whether nobody decided in time.
    pub fn is_overdue(&self, now: Time) -> bool {
        self.decided.is_none() && self.expires_at.is_some_and(|at| at <= now)
    }

    /// Returns what becomes of it where nobody decides in time: a question may have an answer for that.
    pub fn when_overdue(&self) -> Decision {
        match &self.about {
            About::Question { default: Some(answer), .. } => Decision::Answered { answer: answer.clone() },
            _ => Decision::Expired,
        }
    }
}

/// What a person said about a task, for the agent that goes on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonWord {
    /// What it was said to: a question of the agent, its plan, its result; or how its work ended that is to be done again.
    pub to: String,
    pub said: String,
    pub by: String,
    /// Nothing waited for it: the person put the task back to the queue.
    pub is_requeue: bool,
}

/// Returns the gate that a task needs before it starts, where it needs one and nobody has let it start.
pub fn before_start(run: &Run, task: &Task, policy: &GatePolicy) -> Option<About> {
    if task.may_start {
        return None;
    }
    let (action, environment) = (task.spec.action(), task.spec.environment.as_deref());
    let confidence = confidence_below(run, task);
    let reason = should_gate(action, environment, confidence, policy);
    let policy = (reason != GateReason::Auto).then_some(reason);
    let action = match &task.spec.work {
        // Whoever decides wants to know what moves.
        Work::Merge { into, .. } => format!("{action} into {}", clean_line(into, MAX_BRANCH)),
        Work::Agent { .. } | Work::Command { .. } => action.to_owned(),
    };
    (policy.is_some() || task.spec.gates.before).then(|| About::Start {
        action,
        environment: environment.map(str::to_owned),
        confidence,
        policy,
    })
}

/// Returns the gate that an attempt which succeeded leads to, and how long that waits where it says so itself.
pub fn after_attempt(
    task: &Task,
    handed_in: Option<&HandedIn>,
    summary: &str,
) -> Option<(About, Option<Duration>)> {
    let gates = task.spec.gates;
    match handed_in {
        Some(HandedIn::Question(asked)) => {
            let about = About::Question {
                question: asked.question.clone(),
                options: asked.options.clone(),
                default: asked.default.clone(),
            };
            Some((about, asked.deadline_seconds.map(Duration::from_secs)))
        }
        Some(HandedIn::Plan(_) | HandedIn::Result(_)) if task.wants_plan() => {
            Some((About::Plan { summary: summary.to_owned() }, None))
        }
        _ if gates.after => Some((About::Result { summary: summary.to_owned() }, None)),
        _ => None,
    }
}

/// Returns the least confidence of the results that a task rests on, where any of them said it.
pub fn confidence_below(run: &Run, task: &Task) -> Option<f64> {
    let sources = task.spec.depends_on.iter().filter_map(|id| run.task(id));
    sources.filter_map(|source| source.last()?.confidence).min_by(f64::total_cmp)
}

/// What a decision does to the task of its gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    pub state: TaskState,
    pub error_kind: Option<ErrorKind>,
    pub reason: String,
    /// What the agent is told that goes on.
    pub word: Option<PersonWord>,
}

/// Returns what a decision does to the task of a gate; `work` is the task's. An error says what may be decided.
pub fn consequence(gate: &Gate, work: &Work, decided: &Decided) -> Result<Consequence, &'static str> {
    let Decided { decision, by, note, .. } = decided;
    let settles = |state: TaskState, error_kind: Option<ErrorKind>, reason: String| Consequence {
        state,
        error_kind,
        reason,
        word: None,
    };
    let goes_on = |to: &str, said: &str| Consequence {
        word: Some(PersonWord {
            to: to.to_owned(),
            said: said.to_owned(),
            by: by.clone(),
            is_requeue: false,
        }),
        ..settles(TaskState::Queued, None, String::new())
    };
    let colon = if note.is_empty() { "" } else { ": " };
    let writes = matches!(work, Work::Agent { writes: true, .. });
    match (&gate.about, decision) {
        (_, Decision::Cancelled) => Ok(settles(TaskState::Cancelled, None, cancelling::words(by, note))),
        (_, Decision::Rejected) => {
            let reason = format!("{by} rejected it{colon}{note}");
            Ok(settles(TaskState::Failed, Some(ErrorKind::GateRejected), reason))
        }
        (About::Question { question, .. }, Decision::Answered { answer }) => {
            Ok(goes_on(&format!("your question \"{question}\""), answer))
        }
        (About::Question { .. }, Decision::Expired) => {
            Ok(settles(TaskState::NeedsReview, None, "nobody answered its question in time".into()))
        }
        (About::Question { .. }, _) => Err("a question wants an answer: crew answer"),
        (_, Decision::Answered { .. }) => Err("it is no question: crew approve, or crew reject"),
        (_, Decision::Expired) => {
            let reason = "nobody decided in time".to_owned();
            Ok(settles(TaskState::Failed, Some(ErrorKind::GateTimeout), reason))
        }
        (About::Start { .. }, Decision::Approved) => Ok(settles(TaskState::Queued, None, String::new())),
        (About::Start { .. }, Decision::SentBack) => {
            Err("nothing has been done that could be sent back: crew reject without --send-back")
        }
        (About::Plan { .. }, Decision::Approved) if writes => {
            Ok(goes_on("your plan", format!("It is approved; carry it out. {note}").trim()))
        }
        (About::Plan { .. } | About::Result { .. }, Decision::Approved) => {
            Ok(settles(TaskState::Completed, None, String::new()))
        }
        (About::Plan { .. }, Decision::SentBack) => Ok(goes_on("your plan, which is not approved", note)),
        (About::Result { .. }, Decision::SentBack) => Ok(goes_on("your result, which is not accepted", note)),
    }
}

fn refuse<T>(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Result<T, Answer> {
    Err(refused(code, message, hint))
}

/// Decides about a decision. The first one stands: a second is refused, and shows it. The same once more changes
/// nothing and is fine.
pub fn decide(
    run: &Run,
    id: GateId,
    decision: &Decision,
    (by, note): (&str, &str),
    now: Time,
) -> Result<Option<Event>, Answer> {
    let Some(gate) = run.gates.iter().find(|gate| gate.id == id) else {
        return refuse(Code::UnknownGate, format!("there is no gate {id}"), "crew gates lists them");
    };
    let decision = match (decision, &gate.about) {
        (Decision::Answered { answer }, About::Question { options, .. }) => {
            Decision::Answered { answer: choose(answer, options)? }
        }
        (other, _) => other.clone(),
    };
    if let Some(first) = &gate.decided {
        if first.decision == decision && first.by == by && first.note == note {
            return Ok(None);
        }
        let note = if first.note.is_empty() { String::new() } else { format!(": \"{}\"", first.note) };
        let (name, who, at) = (first.decision.name().replace('_', " "), &first.by, first.at);
        let answer = match &first.decision {
            Decision::Answered { answer } => format!(" \"{answer}\""),
            _ => String::new(),
        };
        let message = format!("gate {id} is decided: {name}{answer} by {who} at {at}{note}");
        return refuse(Code::Decided, message, "the first decision stands");
    }
    if gate.is_overdue(now) {
        let message = format!("gate {id} has timed out: nobody decided in time");
        return refuse(Code::TimedOut, message, "crew resume goes on with what follows from that");
    }
    if note.len() > MAX_NOTE {
        return refuse(
            Code::Invalid,
            format!("the note is longer than {MAX_NOTE} bytes"),
            "say it in fewer words",
        );
    }
    if decision == Decision::SentBack && note.trim().is_empty() {
        return refuse(Code::Invalid, "what is sent back needs a note", "--note says what is to be done");
    }
    let decided = Decided { decision, by: by.to_owned(), note: clean_text(note, MAX_NOTE), at: now };
    let Some(task) = run.task(&gate.task) else {
        return refuse(Code::UnknownGate, format!("gate {id} is of no task"), "crew gates lists them");
    };
    if let Err(why) = consequence(gate, &task.spec.work, &decided) {
        return refuse(Code::NotFitting, format!("gate {id}: {why}"), format!("crew gates {id} shows it"));
    }
    let Decided { decision, by, note, .. } = decided;
    Ok(Some(Event::GateDecided { gate: id, task: gate.task.clone(), decision, by, note }))
}

/// Returns the option that an answer means: its number, or its words. Any other answer stands as it is, for a person
/// may know better than the options.
fn choose(answer: &str, options: &[String]) -> Result<String, Answer> {
    let answer = clean_text(answer.trim(), MAX_NOTE);
    if answer.is_empty() {
        return refuse(Code::Invalid, "the answer is empty", "crew answer GATE TEXT");
    }
    let number = answer.parse::<usize>().ok().filter(|_| !options.is_empty() && !options.contains(&answer));
    let Some(number) = number else { return Ok(answer) };
    match options.get(number.wrapping_sub(1)) {
        Some(option) => Ok(option.clone()),
        None => {
            let message = format!("there is no option {number}; there are {}", options.len());
            refuse(Code::Invalid, message, "answer with the number of an option, or in words")
        }
    }
}

/// Accepts a task that needs review, and queues again what comes back with it.
pub fn accept(run: &Run, task: &TaskId, (by, note): (&str, &str)) -> Result<Vec<Event>, Answer> {
    let Some(place) = run.place(task) else {
        return refuse(
            Code::UnknownTask,
            format!("there is no task {task} in this run"),
            "crew status shows them",
        );
    };
    let state = run.tasks[place].state;
    if state != TaskState::NeedsReview {
        let hint = "only what needs review is accepted";
        return refuse(
            Code::NotNeedsReview,
            format!("task {task} does not need review, it is {state}"),
            hint,
        );
    }
    let has_work = run.tasks[place].tree.as_ref().is_some_and(|tree| tree.has_work());
    if let Some(why) = run.tasks[place].unkept().filter(|_| !has_work) {
        let message = format!("there is no work of task {task} to be accepted: it could not be kept: {why}");
        return refuse(Code::NotKept, message, "a new run does it again");
    }
    let note = clean_text(note, MAX_NOTE);
    let mut events = vec![Event::TaskAccepted { task: task.clone(), by: by.to_owned(), note }];
    let reason = format!("{task} was accepted");
    let back = comes_back(run, &[place]);
    events.extend(back.into_iter().map(|at| Event::TaskRequeued {
        task: run.tasks[at].spec.id.clone(),
        by: by.to_owned(),
        reason: reason.clone(),
        asked: Asked::default(),
    }));
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Outcome;
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::task::TaskSpec;
    use crate::domain::when::When;

    fn policy() -> GatePolicy {
        GatePolicy::of(&Settings::default())
    }

    #[test]
    fn what_a_gate_may_be_about_is_named() {
        for name in About::NAMES {
            let told = serde_json::json!({"about": name, "action": "a", "summary": "s", "question": "q"});
            assert_eq!(serde_json::from_value::<About>(told).unwrap().name(), name);
        }
    }

    #[test]
    fn each_rule_has_its_reason_and_the_first_that_fits_decides() {
        let mut policy = policy();
        policy.allowed_actions = vec!["notify".into(), "push".into()];
        let rows = [
            ("edit", None, None, GateReason::Auto),
            ("edit", None, Some(0.1), GateReason::Auto),
            ("read", Some("production"), Some(0.1), GateReason::Auto),
            ("run", Some("production"), None, GateReason::GatedEnvironment),
            ("run", Some("staging"), None, GateReason::Auto),
            ("deploy", None, Some(1.0), GateReason::HighRiskAction),
            ("Deploy", None, Some(1.0), GateReason::HighRiskAction),
            ("Run", Some("Production"), None, GateReason::GatedEnvironment),
            ("deploy", Some("production"), Some(0.1), GateReason::HighRiskAction),
            // Nobody listed it: closed.
            ("frobnicate", None, Some(1.0), GateReason::HighRiskAction),
            ("notify", None, Some(0.7), GateReason::Auto),
            ("notify", None, Some(0.69), GateReason::LowConfidence),
            ("notify", None, None, GateReason::Auto),
            ("notify", Some("production"), Some(0.1), GateReason::GatedEnvironment),
            // What is risky stays so.
            ("push", None, Some(1.0), GateReason::HighRiskAction),
        ];
        for (action, environment, confidence, reason) in rows {
            let found = should_gate(action, environment, confidence, &policy);
            assert_eq!(found, reason, "{action} {environment:?} {confidence:?}");
        }
    }

    fn gate(about: About) -> Gate {
        Gate {
            id: GateId(1),
            task: TaskId::parse("a").unwrap(),
            attempt: Some(1),
            about,
            opened_at: Time(0),
            expires_at: None,
            decided: None,
        }
    }

    #[test]
    fn each_decision_about_each_gate_has_its_consequence() {
        let start =
            About::Start { action: "deploy".into(), environment: None, confidence: None, policy: None };
        let plan = About::Plan { summary: "s".into() };
        let result = About::Result { summary: "s".into() };
        let question = About::Question { question: "q".into(), options: vec![], default: None };
        use Decision::*;
        let answered = || Answered { answer: "yes".into() };
        use TaskState::{Completed, Failed, NeedsReview, Queued};
        let rejected = Some(ErrorKind::GateRejected);
        let timed_out = Some(ErrorKind::GateTimeout);
        let rows = [
            (&start, Approved, Some((Queued, None, false))),
            (&start, Rejected, Some((Failed, rejected, false))),
            (&start, SentBack, None),
            (&start, answered(), None),
            (&start, Expired, Some((Failed, timed_out, false))),
            (&plan, Approved, Some((Completed, None, false))),
            (&plan, Rejected, Some((Failed, rejected, false))),
            (&plan, SentBack, Some((Queued, None, true))),
            (&plan, answered(), None),
            (&plan, Expired, Some((Failed, timed_out, false))),
            (&result, Approved, Some((Completed, None, false))),
            (&result, Rejected, Some((Failed, rejected, false))),
            (&result, SentBack, Some((Queued, None, true))),
            (&result, answered(), None),
            (&result, Expired, Some((Failed, timed_out, false))),
            (&question, Approved, None),
            (&question, Rejected, Some((Failed, rejected, false))),
            (&question, SentBack, None),
            (&question, answered(), Some((Queued, None, true))),
            (&question, Expired, Some((NeedsReview, None, false))),
        ];
        let work = Work::Command { run: "true".into() };
        for (about, decision, expected) in rows {
            let decided = Decided { decision, by: "Ann".into(), note: "n".into(), at: Time(1) };
            let found = consequence(&gate(about.clone()), &work, &decided).ok();
            let found = found.map(|found| (found.state, found.error_kind, found.word.is_some()));
            assert_eq!(found, expected, "{} {}", about.name(), decided.decision.name());
        }
    }

    #[test]
    fn an_approved_plan_of_a_role_that_writes_is_carried_out() {
        let work = Work::Agent {
            role: "executor".into(),
            program: "x".into(),
            persona: String::new(),
            task: String::new(),
            model: None,
            fallback_models: vec![],
            thinking: None,
            writes: true,
            submit_optional: false,
        };
        let decided =
            Decided { decision: Decision::Approved, by: "Ann".into(), note: String::new(), at: Time(1) };
        let follows = consequence(&gate(About::Plan { summary: "s".into() }), &work, &decided).unwrap();
        assert_eq!(follows.state, TaskState::Queued);
        assert!(follows.word.unwrap().said.contains("approved"));
    }

    /// Returns a run whose first task waits to be started.
    fn waiting(about: About, expires_at: Option<Time>) -> Run {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &["a"])]);
        let task = TaskId::parse("a").unwrap();
        let attempt = (!matches!(about, About::Start { .. })).then_some(1);
        if attempt.is_some() {
            run.apply(Time(1), &started("a", 1)).unwrap();
        }
        run.apply(Time(2), &Event::GateOpened { gate: GateId(1), task, attempt, about, expires_at }).unwrap();
        if attempt.is_some() {
            run.apply(Time(3), &ended("a", 1, Outcome::Succeeded, None)).unwrap();
        }
        assert_eq!(run.tasks[0].state, TaskState::AwaitingInput);
        run
    }

    fn code(refused: Result<Option<Event>, Answer>) -> Code {
        match refused {
            Err(Answer::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_decision_stands_and_the_same_again_is_fine() {
        let mut run = waiting(About::Result { summary: "s".into() }, None);
        let by = ("Ann", "good");
        let event = decide(&run, GateId(1), &Decision::Approved, by, Time(5)).unwrap().unwrap();
        run.apply(Time(5), &event).unwrap();
        assert_eq!(run.tasks[0].state, TaskState::Completed);
        assert!(run.apply(Time(6), &event).is_err());
        assert_eq!(decide(&run, GateId(1), &Decision::Approved, by, Time(6)), Ok(None));
        let second = decide(&run, GateId(1), &Decision::Rejected, ("Bob", ""), Time(7));
        let Err(Answer::Refused { message, .. }) = &second else { panic!("{second:?}") };
        assert!(message.contains("approved by Ann") && message.contains("good"), "{message}");
        assert_eq!(code(second), Code::Decided);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let question = About::Question {
            question: "which".into(),
            options: vec!["red".into(), "3".into()],
            default: None,
        };
        let run = waiting(question, Some(Time(100)));
        let by = ("Ann", "");
        let ask = |decision: Decision, now| decide(&run, GateId(1), &decision, by, Time(now));
        let answer = |text: &str| Decision::Answered { answer: text.into() };
        assert_eq!(code(ask(Decision::Approved, 5)), Code::NotFitting);
        assert_eq!(code(ask(Decision::SentBack, 5)), Code::Invalid);
        assert_eq!(code(ask(answer(" "), 5)), Code::Invalid);
        assert_eq!(code(ask(answer("7"), 5)), Code::Invalid);
        assert_eq!(code(ask(answer("red"), 100)), Code::TimedOut);
        assert_eq!(code(decide(&run, GateId(2), &answer("red"), by, Time(5))), Code::UnknownGate);
        for (typed, meant) in [("1", "red"), ("2", "3"), ("3", "3"), ("red", "red"), ("blue", "blue")] {
            match ask(answer(typed), 5) {
                Ok(Some(Event::GateDecided { decision, .. })) => {
                    assert_eq!(decision, answer(meant), "{typed}")
                }
                other => panic!("{typed}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_task_with_an_open_gate_cannot_fail_and_takes_no_second_gate() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let task = TaskId::parse("a").unwrap();
        let open = |gate, attempt, about| Event::GateOpened {
            gate: GateId(gate),
            task: task.clone(),
            attempt,
            about,
            expires_at: None,
        };
        let result = About::Result { summary: "s".into() };
        run.apply(Time(2), &open(1, Some(1), result.clone())).unwrap();
        assert!(run.apply(Time(3), &open(2, Some(1), result.clone())).is_err());
        assert!(run.apply(Time(3), &ended("a", 1, Outcome::Failed, None)).is_err());
        run.apply(Time(4), &ended("a", 1, Outcome::Succeeded, None)).unwrap();
        assert!(run.tasks[0].last().unwrap().paused);
        assert!(run.apply(Time(5), &open(3, Some(1), result)).is_err());
    }

    #[test]
    fn an_accepted_task_brings_back_what_was_skipped_because_of_it_and_would_not_be_again() {
        let asks =
            TaskSpec { when: Some(When::parse("a.state == completed").unwrap()), ..spec("asks", &["a"]) };
        let both = spec("both", &["a", "failed"]);
        let mut run = run_of(vec![
            spec("c", &["b"]),
            spec("b", &["a"]),
            spec("a", &[]),
            spec("x", &[]),
            asks,
            spec("failed", &[]),
            both,
        ]);
        for (task, outcome) in [("a", Outcome::NeedsReview), ("failed", Outcome::Failed)] {
            run.apply(Time(1), &started(task, 1)).unwrap();
            run.apply(Time(2), &ended(task, 1, outcome, None)).unwrap();
        }
        for (task, by_condition) in [("b", false), ("c", false), ("x", true), ("asks", true), ("both", false)]
        {
            let task = TaskId::parse(task).unwrap();
            run.apply(Time(3), &Event::TaskSkipped { task, reason: String::new(), by_condition }).unwrap();
        }
        let a = TaskId::parse("a").unwrap();
        let events = accept(&run, &a, ("Ann", "seen")).unwrap();
        events.iter().for_each(|event| {
            run.apply(Time(4), event).unwrap();
        });
        let states: Vec<&str> = run.tasks.iter().map(|task| task.state.name()).collect();
        assert_eq!(states, ["queued", "queued", "completed", "skipped", "queued", "failed", "skipped"]);
        assert_eq!(run.tasks[2].reason, "accepted by Ann: seen");
        assert!(accept(&run, &a, ("Ann", "seen")).is_err());
    }
}
