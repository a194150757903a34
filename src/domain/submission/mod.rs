//! What an agent hands in, and when that is valid.
//!
//! Each kind has a file with its type, which is also its JSON Schema, and its rules. What concludes an attempt is a
//! [`HandedIn`], of which there is one; what an agent says on its way is a [`Note`].

mod checks;
mod fields;
mod note;
mod plan;
mod question;
mod reason;
mod result;
mod review;
pub mod schema;

pub use fields::{BadFields, Field, FieldKind, parse as parse_fields};
pub use note::{Hypothesis, MAX_NOTES, Note, Progress};
pub use plan::{PlanBody, PlanStep};
pub use question::QuestionBody;
pub use reason::{Escalation, Reason};
pub use result::{Check, ROLES, ResultBody, Verdict};
pub use review::{REVIEWERS, Resolved, ReviewBody, ReviewVerdict};

use super::request::how_to_submit;
use super::result_files::ResultFile;
use super::task::{Task, Work};
use checks::{read, refuse, refuse_with};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most characters a summary may have.
pub const MAX_SUMMARY: usize = 4_000;
/// The most bytes that `details` may have; far above what is passed on to the next task.
pub const MAX_DETAILS: usize = 4 * 1024 * 1024;
/// The most texts that a list of them may have.
pub const MAX_TEXTS: usize = 200;

/// What crew knows by itself of whoever hands in. Such a value in the JSON of an agent is ignored, whatever it says.
pub const IDENTITY: [&str; 12] = [
    "run",
    "run_id",
    "task",
    "task_id",
    "attempt",
    "attempt_id",
    "environment",
    "agent",
    "agent_id",
    "role",
    "session",
    "token",
];

/// What kind of statement a submission is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The task is done.
    Result,
    /// A reviewer's verdict with its findings.
    Review,
    /// There is nothing to do, and why.
    Noop,
    /// It cannot be done, and why.
    Blocked,
    /// A person of the roster has to see it, and why.
    Escalation,
    /// How it is to be done, step by step.
    Plan,
    /// Something that a person has to say before it can go on.
    Question,
    /// What the agent takes for true; concludes nothing.
    Hypothesis,
    /// How far the agent has come; concludes nothing.
    Progress,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 9] = [
        Kind::Result,
        Kind::Review,
        Kind::Noop,
        Kind::Blocked,
        Kind::Escalation,
        Kind::Plan,
        Kind::Question,
        Kind::Hypothesis,
        Kind::Progress,
    ];

    /// Returns the word used on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Result => "result",
            Kind::Review => "review",
            Kind::Noop => "noop",
            Kind::Blocked => "blocked",
            Kind::Escalation => "escalation",
            Kind::Plan => "plan",
            Kind::Question => "question",
            Kind::Hypothesis => "hypothesis",
            Kind::Progress => "progress",
        }
    }

    /// Tells whether it is said on the way, and concludes nothing.
    pub fn is_note(self) -> bool {
        matches!(self, Kind::Hypothesis | Kind::Progress)
    }
}

/// What an attempt's submissions are checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub role: String,
    /// May it change files?
    #[serde(default)]
    pub writes: bool,
    /// It is a reviewer's pass over exact commits, which comes to a verdict.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reviews: bool,
    /// A person has to approve its plan before it begins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plan_wanted: bool,
    /// What the step asks for beside the fields that every result has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// Whom it may escalate to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roster: Vec<String>,
    /// The fingerprints of the findings because of which the work that it reviews was sent back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
}

impl Terms {
    /// Returns what holds for a task.
    pub fn of(task: &Task, roster: &[String]) -> Terms {
        let spec = &task.spec;
        Terms {
            plan_wanted: task.wants_plan(),
            role: spec.role().to_owned(),
            reviews: spec.reviews.is_some(),
            writes: matches!(spec.work, Work::Agent { writes: true, .. }),
            fields: spec.fields.clone(),
            roster: roster.to_vec(),
            open: task.round.as_ref().map(|round| round.open.clone()).unwrap_or_default(),
        }
    }

    /// Tells whether a kind may be handed in. Without a role it is not known who asks, and any may.
    pub fn takes(&self, kind: Kind) -> bool {
        match kind {
            _ if self.role.is_empty() => true,
            Kind::Result | Kind::Noop | Kind::Plan | Kind::Question if self.reviews => false,
            Kind::Review => REVIEWERS.contains(&self.role.as_str()) && self.required().is_none(),
            Kind::Noop => self.role != "verifier",
            Kind::Escalation => !self.roster.is_empty(),
            // A plan that comes first is not what the task comes to.
            Kind::Plan => self.may_plan() && (self.has_to_plan() || self.required().is_none()),
            Kind::Result => !self.has_to_plan(),
            _ => true,
        }
    }

    /// Returns a field that the step cannot do without; only a result holds it.
    fn required(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.required)
    }

    /// Tells whether a plan is what the task asks for: a role that writes has to do the work, unless its plan comes first.
    fn may_plan(&self) -> bool {
        !self.writes || self.plan_wanted
    }

    /// Tells whether nothing counts before a person has approved a plan. The result of a role that only reads may be its
    /// plan.
    pub fn has_to_plan(&self) -> bool {
        self.writes && self.plan_wanted
    }
}

/// What was handed in, read and checked.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, on its way to where it is kept")]
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Conclusion(HandedIn),
    Note(Note),
}

impl Statement {
    /// Reads and checks what a role hands in; the texts are cleaned.
    pub fn read(kind: Kind, body: &Value, terms: &Terms) -> Result<Statement, Refusal> {
        match kind.is_note() {
            true => Note::read(kind, body).map(Statement::Note),
            false => HandedIn::read(kind, body, terms).map(Statement::Conclusion),
        }
    }
}

/// What an attempt has handed in, checked. One attempt hands in one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandedIn {
    Result(ResultBody),
    Review(ReviewBody),
    Noop(Reason),
    Blocked(Reason),
    Escalation(Escalation),
    Plan(PlanBody),
    Question(QuestionBody),
}

impl HandedIn {
    fn read(kind: Kind, body: &Value, terms: &Terms) -> Result<HandedIn, Refusal> {
        let handed_in = match kind {
            // A review that waits for an answer would be open as long as nobody looks.
            Kind::Result | Kind::Noop | Kind::Plan | Kind::Question if terms.reviews => {
                let message = format!("a review comes to a verdict: hand in a review, not a {}", kind.name());
                return refuse_with("kind", message, how_to_submit(Kind::Review));
            }
            Kind::Result => {
                if terms.has_to_plan() {
                    let message = "a person has to approve its plan first: hand in a plan, and end";
                    refuse_with("kind", message, how_to_submit(Kind::Plan))?;
                }
                refuse_of_others(body, &terms.role)?;
                HandedIn::Result(read::<ResultBody>(body)?.cleaned())
            }
            Kind::Review => HandedIn::Review(read::<ReviewBody>(body)?.cleaned()),
            Kind::Noop => HandedIn::Noop(read::<Reason>(body)?.cleaned()),
            Kind::Blocked => HandedIn::Blocked(read::<Reason>(body)?.cleaned()),
            Kind::Escalation => HandedIn::Escalation(read::<Escalation>(body)?.cleaned()),
            Kind::Plan => HandedIn::Plan(read::<PlanBody>(body)?.cleaned()),
            Kind::Question => HandedIn::Question(read::<QuestionBody>(body)?.cleaned()),
            Kind::Hypothesis | Kind::Progress => {
                return refuse("kind", format!("a {} concludes nothing", kind.name()));
            }
        };
        if let (HandedIn::Review(_) | HandedIn::Plan(_), Some(Field { name, .. })) =
            (&handed_in, terms.required().filter(|_| !terms.has_to_plan()))
        {
            let message =
                format!("the step asks for {name}, which a result alone can hold: hand in a result");
            return refuse("kind", message);
        }
        match &handed_in {
            HandedIn::Result(result) => result.check(terms)?,
            HandedIn::Review(review) => review.check(terms)?,
            HandedIn::Noop(_) if terms.role == "verifier" => {
                refuse("kind", "a verifier hands in a result with pass, fail or inconclusive")?;
            }
            HandedIn::Noop(reason) | HandedIn::Blocked(reason) => reason.check()?,
            HandedIn::Escalation(escalation) => escalation.check(terms)?,
            HandedIn::Plan(plan) => plan.check(terms)?,
            HandedIn::Question(question) => question.check()?,
        }
        Ok(handed_in)
    }

    /// Returns what kind of statement it is.
    pub fn kind(&self) -> Kind {
        match self {
            HandedIn::Result(_) => Kind::Result,
            HandedIn::Review(_) => Kind::Review,
            HandedIn::Noop(_) => Kind::Noop,
            HandedIn::Blocked(_) => Kind::Blocked,
            HandedIn::Escalation(_) => Kind::Escalation,
            HandedIn::Plan(_) => Kind::Plan,
            HandedIn::Question(_) => Kind::Question,
        }
    }

    /// Returns how sure the agent says it is, where it has to say so.
    pub fn confidence(&self) -> Option<f64> {
        match self {
            HandedIn::Result(result) => Some(result.confidence),
            HandedIn::Plan(plan) => Some(plan.confidence),
            _ => None,
        }
    }

    /// Tells whether it hands the task to a person instead of delivering anything.
    pub fn asks_a_person(&self) -> bool {
        matches!(self, HandedIn::Blocked(_) | HandedIn::Escalation(_) | HandedIn::Question(_))
    }

    /// Returns the files that it asks crew to write, change or delete, and those it mentions.
    pub fn files(&self) -> &[ResultFile] {
        match self {
            HandedIn::Result(result) => &result.files,
            _ => &[],
        }
    }

    /// Returns what it comes to, in a sentence or two.
    pub fn summary(&self) -> String {
        match self {
            HandedIn::Result(result) => result.summary.clone(),
            HandedIn::Review(review) => review.summary(),
            HandedIn::Noop(Reason { reason }) => format!("nothing to do: {reason}"),
            HandedIn::Blocked(Reason { reason }) => format!("blocked: {reason}"),
            HandedIn::Escalation(Escalation { to, reason }) => format!("escalated to {to}: {reason}"),
            HandedIn::Plan(plan) => plan.summary.clone(),
            HandedIn::Question(question) => format!("it asks: {}", question.summary()),
        }
    }
}

/// Refuses fields of a result that only other roles hand in.
fn refuse_of_others(body: &Value, role: &str) -> Result<(), Refusal> {
    for field in body.as_object().into_iter().flat_map(|body| body.keys()) {
        if let Some(why) = result::not_from(role, field) {
            return refuse(field, format!("{why}, not from the role {role}"));
        }
    }
    Ok(())
}

/// Why a submission is refused, with the field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub field: String,
    pub message: String,
    /// What to do, where that is not just to hand the same in again, but right.
    pub hint: Option<String>,
}

#[cfg(test)]
mod tests;
