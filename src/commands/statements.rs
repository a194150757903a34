//! What an agent types behind `crew submit`: flags or JSON, turned into what is handed in. The owner of the run checks it.

use super::exit::Problem;
use super::submit::read_json;
use crate::domain::request::{Submission, how_to_submit};
use crate::domain::submission::{Field, FieldKind, Kind};
use anyhow::Result;
use serde_json::{Map, Value, json};

#[derive(Debug, clap::Subcommand)]
pub enum StatementArgs {
    Result(ResultArgs),
    /// Say that there is nothing to do, and why
    Noop(ReasonArgs),
    /// Say that it cannot be done, and why
    Blocked(ReasonArgs),
    Escalation(EscalationArgs),
    Plan(PlanArgs),
    Question(QuestionArgs),
    Hypothesis(HypothesisArgs),
    Progress(ProgressArgs),
}

/// Hand in the result of the task
#[derive(Debug, clap::Args)]
pub struct ResultArgs {
    /// What was done, in a sentence or two
    #[arg(long, conflicts_with = "from")]
    summary: Option<String>,

    /// How sure you are, from 0 to 1
    #[arg(long, value_name = "0..1", conflicts_with = "from")]
    confidence: Option<f64>,

    /// Why you are as sure as that
    #[arg(long, conflicts_with = "from")]
    rationale: Option<String>,

    /// The result at length, as Markdown
    #[arg(long, value_name = "TEXT", conflicts_with = "from")]
    details: Option<String>,

    /// What a verifier concludes: pass, fail or inconclusive
    #[arg(long, value_name = "WORD", conflicts_with = "from")]
    verdict: Option<String>,

    /// A test that was written or changed, and what it shows; may stand more than once
    #[arg(long = "test", value_name = "TEXT", conflicts_with = "from")]
    tests: Vec<String>,

    /// What could go wrong; may stand more than once
    #[arg(long = "risk", value_name = "TEXT", conflicts_with = "from")]
    risks: Vec<String>,

    /// What is left to do; may stand more than once
    #[arg(long = "follow-up", value_name = "TEXT", conflicts_with = "from")]
    follow_ups: Vec<String>,

    /// Why no file was changed, in a role that may change some
    #[arg(long, value_name = "TEXT", conflicts_with = "from")]
    no_change_reason: Option<String>,

    /// A field that the step asks for, as JSON or as text; may stand more than once
    #[arg(long = "field", value_name = "NAME=VALUE", conflicts_with = "from")]
    fields: Vec<String>,

    /// Take all of it from a JSON file; `-` is standard input
    #[arg(long = "json", id = "from", value_name = "FILE")]
    from: Option<String>,

    /// Check it, show what its files would change, and hand in nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct ReasonArgs {
    /// Why
    #[arg(long, conflicts_with = "from")]
    reason: Option<String>,

    /// Take it from a JSON file; `-` is standard input
    #[arg(long = "json", id = "from", value_name = "FILE")]
    from: Option<String>,
}

/// Hand the task to a person of the roster, and say why
#[derive(Debug, clap::Args)]
pub struct EscalationArgs {
    /// Who has to see it: a name of the roster
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    to: Option<String>,

    /// Why
    #[arg(long, conflicts_with = "from")]
    reason: Option<String>,

    /// Take it from a JSON file; `-` is standard input
    #[arg(long = "json", id = "from", value_name = "FILE")]
    from: Option<String>,
}

/// Hand in a plan, for roles that change no file
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// What the plan comes to, in a sentence or two
    #[arg(long, conflicts_with = "from")]
    summary: Option<String>,

    /// One step, as a line; may stand more than once, in the order of the plan
    #[arg(long = "step", value_name = "TITLE", conflicts_with = "from")]
    steps: Vec<String>,

    /// What could go wrong; may stand more than once
    #[arg(long = "risk", value_name = "TEXT", conflicts_with = "from")]
    risks: Vec<String>,

    /// How sure you are that it reaches the goal, from 0 to 1
    #[arg(long, value_name = "0..1", conflicts_with = "from")]
    confidence: Option<f64>,

    /// Why you are as sure as that
    #[arg(long, conflicts_with = "from")]
    rationale: Option<String>,

    /// Take all of it from a JSON file, where a step may have a detail and files; `-` is standard input
    #[arg(long = "json", id = "from", value_name = "FILE")]
    from: Option<String>,
}

/// Ask a person something that the task cannot go on without
#[derive(Debug, clap::Args)]
pub struct QuestionArgs {
    /// What a person has to say
    #[arg(long, value_name = "TEXT", conflicts_with = "from")]
    question: Option<String>,

    /// An answer to choose from; may stand more than once
    #[arg(long = "option", value_name = "TEXT", conflicts_with = "from")]
    options: Vec<String>,

    /// The answer that is taken at the deadline; one of the options
    #[arg(long, value_name = "TEXT", conflicts_with = "from")]
    default: Option<String>,

    /// How long to wait; then the default is taken, and without one the task needs review
    #[arg(long, value_name = "SECONDS", conflicts_with = "from")]
    deadline_seconds: Option<u64>,

    /// Take all of it from a JSON file; `-` is standard input
    #[arg(long = "json", id = "from", value_name = "FILE")]
    from: Option<String>,
}

/// Note what you take for true, on the way; concludes nothing
#[derive(Debug, clap::Args)]
pub struct HypothesisArgs {
    /// What you take for true
    #[arg(long, value_name = "TEXT", conflicts_with = "from")]
    statement: Option<String>,

    /// How sure you are, from 0 to 1
    #[arg(long, value_name = "0..1", conflicts_with = "from")]
    confidence: Option<f64>,

    /// Why you are as sure as that
    #[arg(long, conflicts_with = "from")]
    rationale: Option<String>,

    /// Take all of it from a JSON file; `-` is standard input
    #[arg(long = "json", id = "from", value_name = "FILE")]
    from: Option<String>,
}

/// Say how far you have come, on the way; concludes nothing
#[derive(Debug, clap::Args)]
pub struct ProgressArgs {
    /// What you are doing, as a line
    #[arg(long, value_name = "TEXT", conflicts_with = "from")]
    message: Option<String>,

    /// How much is done, from 0 to 100
    #[arg(long, value_name = "0..100", conflicts_with = "from")]
    percent: Option<f64>,

    /// Take all of it from a JSON file; `-` is standard input
    #[arg(long = "json", id = "from", value_name = "FILE")]
    from: Option<String>,
}

impl StatementArgs {
    /// Tells whether it is only looked at.
    pub fn is_dry_run(&self) -> bool {
        matches!(self, StatementArgs::Result(ResultArgs { dry_run: true, .. }))
    }

    /// Returns what is handed in; `fields` are those that the step asks for, as far as they are known.
    pub fn submission(&self, fields: &[Field]) -> Result<Submission> {
        let (kind, from, body) = match self {
            StatementArgs::Result(args) => (Kind::Result, &args.from, args.body(fields)?),
            StatementArgs::Noop(args) => (Kind::Noop, &args.from, args.body()),
            StatementArgs::Blocked(args) => (Kind::Blocked, &args.from, args.body()),
            StatementArgs::Escalation(args) => (Kind::Escalation, &args.from, args.body()),
            StatementArgs::Plan(args) => (Kind::Plan, &args.from, args.body()),
            StatementArgs::Question(args) => (Kind::Question, &args.from, args.body()),
            StatementArgs::Hypothesis(args) => (Kind::Hypothesis, &args.from, args.body()),
            StatementArgs::Progress(args) => (Kind::Progress, &args.from, args.body()),
        };
        let body = match from {
            Some(from) => read_json(from, kind)?,
            None => body.into(),
        };
        Ok(Submission { kind, body })
    }
}

/// Collects the flags that were given.
#[derive(Default)]
struct Body(Map<String, Value>);

impl Body {
    fn with<T: Into<Value>>(mut self, name: &str, value: Option<T>) -> Body {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    fn with_list<T: Into<Value>>(self, name: &str, values: Vec<T>) -> Body {
        self.with(name, (!values.is_empty()).then_some(values))
    }
}

impl From<Body> for Value {
    fn from(body: Body) -> Value {
        Value::Object(body.0)
    }
}

impl ResultArgs {
    fn body(&self, fields: &[Field]) -> Result<Body> {
        let mut body = Body::default()
            .with("summary", self.summary.clone())
            .with("confidence", self.confidence)
            .with("rationale", self.rationale.clone())
            .with("details", self.details.clone())
            .with("verdict", self.verdict.clone())
            .with("no_change_reason", self.no_change_reason.clone())
            .with_list("tests", self.tests.clone())
            .with_list("risks", self.risks.clone())
            .with_list("follow_ups", self.follow_ups.clone());
        for written in &self.fields {
            let Some((name, text)) = written.split_once('=') else {
                let problem = Problem::usage("field", format!("`--field {written}` is not NAME=VALUE"));
                return Err(problem.hint(how_to_submit(Kind::Result)).into());
            };
            let is_text = fields.iter().any(|field| field.name == name && field.kind == FieldKind::Text);
            let value = match serde_json::from_str(text) {
                Ok(value) if !is_text => value,
                _ => json!(text),
            };
            body = body.with(name, Some(value));
        }
        Ok(body)
    }
}

impl ReasonArgs {
    fn body(&self) -> Body {
        Body::default().with("reason", self.reason.clone())
    }
}

impl EscalationArgs {
    fn body(&self) -> Body {
        Body::default().with("to", self.to.clone()).with("reason", self.reason.clone())
    }
}

impl PlanArgs {
    fn body(&self) -> Body {
        let steps = self.steps.iter().map(|title| json!({"title": title})).collect();
        Body::default()
            .with("summary", self.summary.clone())
            .with_list::<Value>("steps", steps)
            .with_list("risks", self.risks.clone())
            .with("confidence", self.confidence)
            .with("rationale", self.rationale.clone())
    }
}

impl QuestionArgs {
    fn body(&self) -> Body {
        Body::default()
            .with("question", self.question.clone())
            .with_list("options", self.options.clone())
            .with("default", self.default.clone())
            .with("deadline_seconds", self.deadline_seconds)
    }
}

impl HypothesisArgs {
    fn body(&self) -> Body {
        Body::default()
            .with("statement", self.statement.clone())
            .with("confidence", self.confidence)
            .with("rationale", self.rationale.clone())
    }
}

impl ProgressArgs {
    fn body(&self) -> Body {
        Body::default().with("message", self.message.clone()).with("percent", self.percent)
    }
}
