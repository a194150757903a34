//! From what the user typed to the tasks of a run, with everything checked before anything starts.

use super::budget;
use super::context::resource_problem;
use super::exit::{ExitStatus, Problem, Problems};
use crate::agents::builtin;
use crate::agents::registry::Registry;
use crate::domain::budget::Limits;
use crate::domain::event::{Event, Persona, RunLimits};
use crate::domain::id::TaskId;
use crate::domain::links;
use crate::domain::nearest::nearest;
use crate::domain::price::Prices;
use crate::domain::resources::{
    self, AgentFile, Layer, Library, OnSuccess, Role, Step, Submit, Team, Workflow,
};
use crate::domain::review::target::{ReviewOrder, Reviews};
use crate::domain::settings::{self, Settings};
use crate::domain::task::{TaskSpec, Work};
use crate::domain::template;
use crate::domain::worktree::Base;
use anyhow::Result;
use std::collections::BTreeMap;

/// What the user chose.
#[derive(Clone, Debug)]
pub struct Wishes<'a> {
    pub goal: &'a str,
    pub team: Option<&'a str>,
    pub workflow: Option<&'a str>,
    pub agent: Option<&'a str>,
    pub model: Option<&'a str>,
    pub jobs: Option<u32>,
    pub fail_fast: bool,
    /// Each task works in a worktree of its own.
    pub worktrees: bool,
    pub budget: Limits,
}

/// A run that is ready to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    pub team: String,
    pub workflow: String,
    pub limits: RunLimits,
    pub personas: BTreeMap<String, Persona>,
    pub vars: BTreeMap<String, String>,
    /// Whom a task may be escalated to.
    pub roster: Vec<String>,
    /// What tasks with a work tree of their own begin from.
    pub base: Option<Base>,
    /// What it reviews, where it is a review.
    pub review: Option<Box<ReviewOrder>>,
    /// What the workflow says is to follow, and the file that says so.
    pub on_success: Option<(OnSuccess, String)>,
    pub tasks: Vec<TaskSpec>,
    /// What the user should know before it starts.
    pub notes: Vec<String>,
}

impl Plan {
    /// Turns the plan into the events that make the run.
    pub fn into_events(self, goal: &str) -> impl Iterator<Item = Event> {
        let created = Event::RunCreated {
            goal: goal.to_owned(),
            team: self.team,
            workflow: self.workflow,
            limits: self.limits,
            personas: self.personas,
            vars: self.vars,
            roster: self.roster,
            base: self.base,
            review: self.review,
            caller: None,
            crew_version: env!("CARGO_PKG_VERSION").into(),
        };
        let tasks = self.tasks.into_iter().map(|spec| Event::TaskCreated { spec });
        std::iter::once(created).chain(tasks)
    }
}

/// Everything that a plan is made from.
pub struct Sources<'a> {
    pub settings: &'a Settings,
    pub registry: &'a Registry,
    pub library: &'a Library,
    pub trusted: bool,
}

/// Makes the plan, or says everything that is wrong with it.
pub fn make(sources: &Sources<'_>, wishes: &Wishes<'_>) -> Result<Plan> {
    let (team, workflow) = choose(sources, wishes)?;
    refuse_commands_of_strangers(sources, workflow)?;
    let mut problems = resources::fits(workflow, &team, sources.library);
    let (apart, misplaced) = resources::worktrees(workflow, &team, sources.library, wishes.worktrees);
    problems.extend(misplaced);
    if !problems.is_empty() {
        let as_problem = |found| resource_problem("workflow", found);
        return Err(Problems(problems.into_iter().map(as_problem).collect()).into());
    }
    let vars = vars_of(sources.settings);
    let mut caster = Caster {
        sources,
        workflow,
        wishes,
        team: &team,
        automatic: None,
        personas: BTreeMap::new(),
        problems: vec![],
    };
    let steps = workflow.steps.iter().zip(apart);
    let mut tasks: Vec<TaskSpec> =
        steps.filter_map(|(step, apart)| caster.task(step, &vars, apart)).collect();
    let Caster { automatic, personas, problems, .. } = caster;
    if !problems.is_empty() {
        return Err(Problems(merged(problems)).into());
    }
    tell_apart(&mut tasks);
    // A file may ask for less at once than the user allows, never for more.
    let allowed = sources.settings.number(&settings::JOBS) as u32;
    let files = [team.max_concurrency, workflow.max_concurrency];
    let jobs = wishes.jobs.unwrap_or_else(|| files.into_iter().flatten().fold(allowed, u32::min));
    let mut notes = sources.settings.refused.clone();
    let shared_writers = sources.settings.number(&settings::SHARED_WRITERS) as u32;
    if shared_writers > 0 {
        let writers = crate::ui::words::count(shared_writers as usize, "agent");
        notes.push(format!(
            "{writers} may write to the folder at once, beside those that read (limits.shared_writers): crew cannot \
             tell whose change it is"
        ));
    }
    if automatic.as_deref() == Some(builtin::NAME) {
        notes.push("no agent CLI is installed here: the built-in agent works, which needs no model".into());
    }
    let prices = Prices::of(sources.settings);
    notes.extend(budget::unheld(&wishes.budget, &team.budget, &tasks, sources.registry, &prices));
    let limits = RunLimits {
        jobs,
        fail_fast: wishes.fail_fast,
        budget: wishes.budget,
        team_budget: team.budget,
        shared_writers,
    };
    Ok(Plan {
        team: team.name.clone(),
        workflow: workflow.name.clone(),
        limits,
        personas,
        vars,
        roster: sources.settings.names(&settings::ROSTER),
        base: None,
        review: None,
        on_success: workflow.on_success.map(|follows| (follows, workflow.source.path.clone())),
        tasks,
        notes,
    })
}

fn choose<'a>(sources: &Sources<'a>, wishes: &Wishes<'_>) -> Result<(Team, &'a Workflow)> {
    let library = sources.library;
    let default = sources.settings.text(&settings::RUN_TEAM);
    let team_named = |name: &str| {
        library.teams.get(name).cloned().ok_or_else(|| unknown("team", name, library.teams.keys()))
    };
    let workflow_named = |name: &str| {
        library.workflows.get(name).ok_or_else(|| unknown("workflow", name, library.workflows.keys()))
    };
    match (wishes.team, wishes.workflow) {
        (Some(team), workflow) => {
            let team = team_named(team)?;
            let workflow = workflow_named(workflow.unwrap_or(&team.workflow))?;
            Ok((team, workflow))
        }
        (None, Some(workflow)) => {
            let workflow = workflow_named(workflow)?;
            let own = library.teams.values().find(|team| team.workflow == workflow.name).cloned();
            Ok((own.unwrap_or_else(|| team_for(workflow)), workflow))
        }
        (None, None) => {
            let team = team_named(&default)?;
            let workflow = workflow_named(&team.workflow)?;
            Ok((team, workflow))
        }
    }
}

/// Makes up a team for a workflow that no team is for: each role is the agent of the same name.
fn team_for(workflow: &Workflow) -> Team {
    let mut roles: Vec<Role> = Vec::new();
    for step in workflow.steps.iter().filter(|step| step.run.is_none()) {
        if !roles.iter().any(|role| role.name == step.role) {
            roles.push(Role {
                name: step.role.clone(),
                agent: step.role.clone(),
                model: None,
                fallback_models: Vec::new(),
                thinking: None,
                description: String::new(),
                line: step.line,
            });
        }
    }
    Team {
        name: workflow.name.clone(),
        description: String::new(),
        workflow: workflow.name.clone(),
        max_concurrency: None,
        budget: Limits::default(),
        worktree: None,
        link: Vec::new(),
        routing: Default::default(),
        roles,
        source: workflow.source.clone(),
        workflow_line: None,
    }
}

pub fn unknown<'a>(kind: &str, name: &str, names: impl Iterator<Item = &'a String>) -> Problem {
    let names: Vec<&str> = names.map(String::as_str).collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", names.join(", ")),
    };
    Problem::refused("unknown_name", format!("there is no {kind} `{name}`")).hint(hint)
}

/// A project's file supplies no command that crew runs, until the user has read it and trusts the repository.
fn refuse_commands_of_strangers(sources: &Sources<'_>, workflow: &Workflow) -> Result<()> {
    let commands = workflow.steps.iter().filter(|step| step.run.is_some() || !step.verify.is_empty()).count();
    if sources.trusted || commands == 0 || workflow.source.layer != Layer::Project {
        return Ok(());
    }
    let message = format!(
        "workflow `{}` comes with this repository and runs commands in {}",
        workflow.name,
        crate::ui::words::count(commands, "step")
    );
    let problem = Problem::refused("untrusted", message).at(workflow.source.path.clone());
    Err(problem.hint("read it, then: crew trust   (or --trust-project for this run)").into())
}

fn vars_of(settings: &Settings) -> BTreeMap<String, String> {
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    settings.table(&settings::VARS).into_iter().map(|(name, (value, _))| (name, text(value))).collect()
}

/// Gives each step its agent.
struct Caster<'a> {
    sources: &'a Sources<'a>,
    workflow: &'a Workflow,
    wishes: &'a Wishes<'a>,
    team: &'a Team,
    /// The agent that `auto` came to, once it was asked for.
    automatic: Option<String>,
    personas: BTreeMap<String, Persona>,
    problems: Vec<Problem>,
}

impl Caster<'_> {
    fn task(&mut self, step: &Step, vars: &BTreeMap<String, String>, worktree: bool) -> Option<TaskSpec> {
        let id = TaskId::parse(&step.id)?;
        let work = match &step.run {
            Some(run) => Work::Command { run: run.clone() },
            None => self.agent_work(step, vars)?,
        };
        if !step.writes.is_empty() && matches!(work, Work::Agent { writes: false, .. }) {
            let message = format!("step `{id}`: the role `{}` reads only, so it writes nowhere", step.role);
            let at = format!("{}:{}", self.workflow.source.path, step.line_of("writes"));
            self.problems.push(Problem::usage("writes", message).at(at).hint("take `writes` out"));
        }
        Some(TaskSpec {
            id,
            work,
            depends_on: step.depends_on.iter().filter_map(|id| TaskId::parse(id)).collect(),
            verify: step.verify.clone(),
            timeout_millis: step.timeout.map(|timeout| timeout.as_millis() as u64),
            retries: step.retries,
            backoff_millis: step.backoff.map(|backoff| backoff.as_millis() as u64),
            continue_on_error: step.continue_on_error,
            when: step.when.clone(),
            confidence: step.confidence,
            output: step.output.clone(),
            reads: step.reads.clone(),
            gates: step.gates,
            action: step.action.clone(),
            environment: step.environment.clone(),
            fields: step.fields.clone(),
            budget: step.budget,
            writes: step.writes.clone(),
            worktree,
            link: if worktree {
                links::together(step.link.iter().chain(&self.team.link))
            } else {
                Vec::new()
            },
            reviews: step.reviews.as_ref().map(|work| Reviews {
                task: TaskId::parse(work),
                rounds: step.rounds,
                ..Reviews::default()
            }),
            on_request: false,
        })
    }

    fn agent_work(&mut self, step: &Step, vars: &BTreeMap<String, String>) -> Option<Work> {
        let role = self.team.role(&step.role);
        let named: Vec<&str> =
            [step.agent.as_deref(), role.map(|role| role.agent.as_str())].into_iter().flatten().collect();
        let file = resources::agent_file_of(step, self.team, self.sources.library);
        let program = self.program(&named)?;
        if let Some(file) = file {
            self.personas.entry(file.name.clone()).or_insert_with(|| persona_of(file));
        }
        let (model, fallback_models) = self.models(step, role, file, &program);
        let thinking = role.and_then(|role| role.thinking).or_else(|| file.and_then(|file| file.thinking));
        Some(Work::Agent {
            role: step.role.clone(),
            program,
            persona: file.map(|file| file.name.clone()).unwrap_or_default(),
            task: template::fill(&step.task, self.wishes.goal, vars),
            model,
            fallback_models,
            thinking: thinking.map(|thinking| thinking.name().to_owned()),
            writes: file.is_some_and(|file| file.may_write(&step.role)),
            submit_optional: step.submit == Submit::Optional,
        })
    }

    /// Chooses the model and those to go on with: what the command line says, else the step, the role, the agent file.
    fn models(
        &self,
        step: &Step,
        role: Option<&Role>,
        file: Option<&AgentFile>,
        program: &str,
    ) -> (Option<String>, Vec<String>) {
        if let Some(wished) = self.wishes.model {
            return (Some(wished.to_owned()), Vec::new());
        }
        if program == builtin::NAME {
            return (None, Vec::new());
        }
        let own = role.filter(|role| role.model.is_some() || !role.fallback_models.is_empty());
        let (model, fallbacks) = match (own, file) {
            (Some(role), _) => (role.model.clone(), role.fallback_models.clone()),
            (None, Some(file)) => (file.model.clone(), file.fallback_models.clone()),
            (None, None) => (None, Vec::new()),
        };
        (step.model.clone().or(model), fallbacks)
    }

    /// Chooses the program: what the command line says, else the step or the role, else the settings.
    fn program(&mut self, named: &[&str]) -> Option<String> {
        let registry = self.sources.registry;
        let set = self.sources.settings.text(&settings::RUN_AGENT);
        let wished =
            self.wishes.agent.or_else(|| named.iter().copied().find(|name| registry.get(name).is_some()));
        let name = wished.unwrap_or(&set).to_owned();
        if name == "auto" {
            let automatic = self.automatic.get_or_insert_with(|| registry.automatic().to_owned());
            return Some(automatic.clone());
        }
        let problem = match registry.get(&name) {
            Some(_) if registry.installed(&name).is_some() => return Some(name),
            Some(agent) => Problem::usage("agent_not_found", format!("`{}` is not on PATH", agent.program()))
                .hint("install it, or choose another with --agent"),
            None => Problem { exit: ExitStatus::Usage, ..unknown("agent", &name, registry.all().keys()) },
        };
        self.problems.push(problem);
        None
    }
}

/// Names reviewers of the same work after their steps where they would be called the same.
fn tell_apart(tasks: &mut [TaskSpec]) {
    let called = |task: &TaskSpec| Some((task.reviewer()?, task.reviews.as_ref()?.task.clone()));
    let all: Vec<_> = tasks.iter().map(called).collect();
    for (at, task) in tasks.iter_mut().enumerate() {
        let others = all.iter().enumerate().filter(|(other, called)| *other != at && called.is_some());
        let is_same = others.into_iter().any(|(_, called)| *called == all[at]);
        let name = format!("{}:{}", task.program(), task.id);
        if let Some(reviews) = task.reviews.as_mut().filter(|_| is_same) {
            reviews.name = name;
        }
    }
}

pub fn persona_of(file: &AgentFile) -> Persona {
    Persona { system_prompt: file.prompt.clone(), tools: file.tools.clone(), max_turns: file.max_turns }
}

/// The same problem with ten steps is told once.
fn merged(problems: Vec<Problem>) -> Vec<Problem> {
    let mut merged: Vec<Problem> = Vec::new();
    for problem in problems {
        if !merged.iter().any(|known| known.message == problem.message) {
            merged.push(problem);
        }
    }
    merged
}
