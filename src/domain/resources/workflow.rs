//! A workflow file: the steps towards a goal, and which of them wait for which.

use super::front_matter::Document;
use super::report::Report;
use super::team::Team;
use super::{Kind, Source, graph, read_description, read_name, reviewed, steps};
use crate::domain::budget::Limits;
use crate::domain::gate::StepGates;
use crate::domain::submission::Field;
use crate::domain::when::When;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::time::Duration;

/// Steps towards a goal.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Workflow {
    pub name: String,
    pub description: String,
    /// How many steps run at once, at most.
    pub max_concurrency: Option<u32>,
    /// What follows when every step has succeeded.
    pub on_success: Option<OnSuccess>,
    /// In the order of the file, which need not be the order of work.
    pub steps: Vec<Step>,
    pub source: Source,
}

/// What follows when every step has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSuccess {
    /// The work comes back to the branch that the run began from.
    Merge,
}

/// One step: a task for an agent, or a command.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Step {
    pub id: String,
    /// The role in the team; the step's own id where the file does not say.
    pub role: String,
    /// An agent file or a program that takes the place of the role's.
    pub agent: Option<String>,
    /// Ids of the steps that have to be done first.
    pub depends_on: Vec<String>,
    /// The step whose work it reviews.
    pub reviews: Option<String>,
    /// How often that is sent back at most.
    pub rounds: u32,
    /// The command line of a command step; such a step has no task text.
    pub run: Option<String>,
    /// Command lines that have to succeed before the step counts as done.
    pub verify: Vec<String>,
    /// The wall time of one attempt, up to 24 hours.
    #[serde(rename = "timeout_seconds", serialize_with = "as_seconds")]
    pub timeout: Option<Duration>,
    /// How often it is tried again, from 0 to 10.
    pub retries: Option<u32>,
    /// How long it waits before it is tried again the first time, up to 15 minutes.
    #[serde(rename = "backoff_ms", serialize_with = "as_millis")]
    pub backoff: Option<Duration>,
    pub submit: Submit,
    /// Whether the steps that depend on it go on when it fails.
    pub continue_on_error: bool,
    pub when: Option<When>,
    /// The confidence below which a result needs review, from 0 to 1.
    pub confidence: Option<f64>,
    /// The plain file name under which the result is kept for other steps.
    pub output: Option<String>,
    /// Outputs of earlier steps that this one is given.
    pub reads: Vec<String>,
    /// What the result has to hold beside the fields that every result has.
    pub fields: Vec<Field>,
    /// Globs of what it may change; empty where the file does not say.
    pub writes: Vec<String>,
    /// Whether it works in a worktree of its own; `None` leaves it to the team and the command line.
    pub worktree: Option<bool>,
    /// Folders of the user's tree that are linked into its worktree.
    pub link: Vec<String>,
    pub model: Option<String>,
    /// When a person has to decide, whatever the settings say.
    pub gates: StepGates,
    /// What it does, by the name that the settings of gates know it by.
    pub action: Option<String>,
    /// Where it does that.
    pub environment: Option<String>,
    /// What all its attempts together may use up.
    pub budget: Limits,
    /// What to do, with `{goal}` and `{NAME}` still in it; empty for a command step.
    pub task: String,
    /// The line of the heading, from 1.
    pub line: usize,
    /// The line of each key that the file has.
    #[serde(skip)]
    pub key_lines: Vec<(&'static str, usize)>,
}

/// Whether an agent has to hand in a result, or may just end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Submit {
    #[default]
    Required,
    Optional,
}

impl Step {
    /// Returns the line of a key, or of the heading where the step has no such key.
    pub fn line_of(&self, key: &str) -> usize {
        self.key_line(key).unwrap_or(self.line)
    }

    pub(super) fn key_line(&self, key: &str) -> Option<usize> {
        self.key_lines.iter().find(|(name, _)| *name == key).map(|(_, line)| *line)
    }
}

// serde's hook hands over a reference to the field.
#[allow(clippy::ref_option)]
fn as_seconds<S: Serializer>(timeout: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    timeout.map(|timeout| timeout.as_secs()).serialize(serializer)
}

// The same.
#[allow(clippy::ref_option)]
fn as_millis<S: Serializer>(backoff: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    backoff.map(|backoff| backoff.as_millis() as u64).serialize(serializer)
}

/// The most tasks that a file may ask to run at once.
pub(super) const MAX_CONCURRENCY: u32 = 1_000;

const KEYS: [&str; 4] = ["name", "description", "maxConcurrency", "onSuccess"];

/// Reads a workflow file.
pub(super) fn read(document: Document<'_>, stem: &str, source: Source, report: &mut Report) -> Workflow {
    let Document { mut head, body, body_line } = document;
    let mut workflow = Workflow {
        name: read_name(&mut head, Kind::Workflow, stem, report),
        description: read_description(&mut head, report),
        max_concurrency: head.count("maxConcurrency", MAX_CONCURRENCY, report),
        on_success: head.choice("onSuccess", &[("merge", OnSuccess::Merge)], report),
        steps: steps::read(body, body_line, report),
        source,
    };
    head.finish(&KEYS, &[], report);
    reviewed::check(&mut workflow.steps, report);
    graph::check(&workflow.steps, report);
    workflow
}

/// Reports steps whose own agent is none of `agents`.
pub(super) fn check_agents(workflow: &Workflow, agents: &BTreeSet<&str>, report: &mut Report) {
    for step in &workflow.steps {
        if let Some(agent) = &step.agent
            && !agents.contains(agent.as_str())
        {
            let message = format!("step `{}`: there is no agent `{agent}`", step.id);
            report.add_unknown(step.line_of("agent"), message, agent, agents.iter().copied());
        }
    }
}

/// Reports steps whose role the team does not have.
///
/// The mistake is looked for in the file of the later layer: a team of somebody's own cannot blame what is built in.
pub(super) fn check_roles(workflow: &Workflow, team: &Team, of_workflow: &mut Report, of_team: &mut Report) {
    let roles: BTreeSet<&str> = team.roles.iter().map(|role| role.name.as_str()).collect();
    let mut missing = BTreeSet::new();
    for step in workflow.steps.iter().filter(|step| step.run.is_none()) {
        // A step that brings its own agent needs the team only if it names a role.
        let needs_role = step.agent.is_none() || step.key_line("role").is_some();
        if !needs_role || roles.contains(step.role.as_str()) {
            continue;
        }
        if team.source.layer > workflow.source.layer {
            if !missing.insert(step.role.as_str()) {
                continue;
            }
            let message = format!("the workflow `{}` needs the role `{}`", workflow.name, step.role);
            of_team.add_with(
                team.workflow_line,
                message,
                format!("add a line `- {}: agent=NAME`", step.role),
            );
        } else {
            let message = format!("step `{}`: the team `{}` has no role `{}`", step.id, team.name, step.role);
            of_workflow.add_unknown(step.line_of("role"), message, &step.role, roles.iter().copied());
        }
    }
}
