//! From a task to the child that works on it: what it is told, and the command line.

use super::child::ChildSpec;
use super::environment::{Environment, hiding, hiding_ours};
use super::kept_output::KeptOutput;
use super::marks;
use super::recorder::Recordings;
use super::review_rules;
use super::worktree_setup::{self, Preparation, WorktreeSetup};
use crate::agents::prompt::{self, PromptParts};
use crate::agents::round_words;
use crate::agents::{Access, Agent, Apart, Assignment, CommandSpec, MAX_ARGUMENT, Unsupported, prompt_text};
use crate::domain::context::{self, Earlier};
use crate::domain::event::{ArtifactKind, Event, Outcome};
use crate::domain::finding::Finding;
use crate::domain::gate::GatePolicy;
use crate::domain::links;
use crate::domain::liveness::Thresholds;
use crate::domain::notice::Policy;
use crate::domain::price::Prices;
use crate::domain::quoted::quote;
use crate::domain::request;
use crate::domain::retry::Retries;
use crate::domain::review::target::ReviewTarget;
use crate::domain::run::Run;
use crate::domain::settings::{self, Origin, Settings};
use crate::domain::submission::{
    self, HandedIn, PlanBody, Resolved, ResultBody, ReviewBody, ReviewVerdict, Terms,
};
use crate::domain::task::{Attempt, AttemptState, Task, Work};
use crate::domain::telemetry;
use crate::domain::trace_context::{self, TraceContext};
use crate::domain::words::clean_text;
use crate::domain::worktree;
use crate::store::StoreError;
use crate::store::artifacts;
use crate::store::atomic_file;
use crate::store::layout::{self, RunPaths};
use crate::store::log_tail;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The most bytes of a command step's output that the next prompt shows.
const MAX_COMMAND_OUTPUT: usize = 8 * 1024;

/// What a run is carried out with.
pub struct Setup {
    /// The agents that tasks may name.
    pub agents: BTreeMap<String, Arc<dyn Agent>>,
    pub environment: Environment,
    /// The top of the user's work tree; absolute. Tasks without a work tree of their own work there.
    pub repository: PathBuf,
    pub limits: Limits,
    pub retries: Retries,
    /// What tokens cost where an agent does not say.
    pub prices: Prices,
    /// Where agents' attempts are recorded, where that is asked for.
    pub recordings: Option<Arc<Recordings>>,
    /// What needs a person's word.
    pub gates: GatePolicy,
    /// What people are told who do not watch, and how.
    pub notices: Policy,
    /// What becomes of the run's numbers and of its trace.
    pub telemetry: telemetry::Policy,
    /// The secret by which requests of a person are known.
    pub person_key: Option<String>,
    /// For the tasks that work in a worktree of their own.
    pub worktrees: WorktreeSetup,
}

impl Setup {
    /// Returns the folder that a task of a run works in.
    pub fn folder_of(&self, run: &Run, task: &Task) -> PathBuf {
        match &task.tree {
            // The settings may have named another folder when it was made.
            Some(tree) if task.spec.is_apart() => self.repository.join(&tree.path),
            _ if task.spec.is_apart() => {
                self.worktrees.folder.join(run.id.as_str()).join(task.spec.id.as_str())
            }
            _ => self.repository.clone(),
        }
    }

    /// Returns the folder of a task as it is recorded, where it is not the repository itself.
    pub fn recorded_folder_of(&self, run: &Run, task: &Task) -> Option<String> {
        let folder = task.spec.is_apart().then(|| self.folder_of(run, task))?;
        let inside = folder.strip_prefix(&self.repository).unwrap_or(&folder);
        Some(inside.display().to_string())
    }
}

/// How long and how much.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub attempt: Duration,
    /// `None` where silence is no reason to end anything.
    pub silence: Option<Duration>,
    pub grace: Duration,
    pub drain: Duration,
    pub output_bytes: u64,
    /// How long an agent may be quiet until people see that.
    pub liveness: Thresholds,
    /// How much time has to go by without crew before it is told.
    pub clock_gap: Duration,
    /// What a dead crew process has left at work goes on.
    pub adopts: bool,
    /// Between two looks at a child of which it cannot be told whether it lives.
    pub between_looks: Duration,
    /// How long a gate waits for a person; `None` is for ever.
    pub gate: Option<Duration>,
    /// For how long a verification command that passed is believed on the same tree; zero where it is not.
    pub verify_cache: Duration,
}

impl Limits {
    /// Takes them from the settings for a run: one that was begun so that its agents go on goes on so, unless a flag or the
    /// environment says otherwise.
    pub fn of_run(settings: &Settings, paths: &RunPaths) -> Limits {
        let limits = Limits::of(settings);
        let is_said = settings.origin(&settings::RECOVERY_LIVING) >= Origin::Environment(String::new());
        Limits { adopts: limits.adopts || (!is_said && paths.output().exists()), ..limits }
    }

    /// Takes the limits from the settings.
    pub fn of(settings: &Settings) -> Limits {
        let seconds = |setting| Duration::from_secs(settings.number(setting));
        let silence = seconds(&settings::SILENCE_SECONDS);
        let gate = seconds(&settings::GATE_SECONDS);
        Limits {
            attempt: seconds(&settings::ATTEMPT_SECONDS),
            silence: (!silence.is_zero()).then_some(silence),
            grace: seconds(&settings::GRACE_SECONDS),
            drain: seconds(&settings::DRAIN_SECONDS),
            output_bytes: settings.number(&settings::OUTPUT_MB) * 1024 * 1024,
            liveness: Thresholds::of(settings),
            clock_gap: seconds(&settings::LIVENESS_GAP),
            adopts: settings.text(&settings::RECOVERY_LIVING) == "adopt",
            between_looks: seconds(&settings::RECOVERY_LOOK),
            gate: (!gate.is_zero()).then_some(gate),
            verify_cache: seconds(&settings::VERIFY_CACHE_MINUTES) * 60,
        }
    }
}

/// What an agent knows of the tasks before its own, as a file for programs: `CREW_CONTEXT` names it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskContext {
    pub goal: String,
    pub task: String,
    /// What this task may hand in.
    #[serde(flatten)]
    pub terms: Terms,
    /// What it reviews, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<ReviewedRange>,
    pub earlier: Vec<EarlierTask>,
}

/// The exact commits that a reviewer looks at, by their ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReviewedRange {
    /// What it is compared with; this may be the empty tree.
    pub base: String,
    pub head: String,
}

/// One earlier task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EarlierTask {
    pub task: String,
    pub role: String,
    pub state: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanBody>,
    /// The command of a command step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// A child, ready to be started, and what to record of its preparation.
pub struct Prepared {
    pub child: ChildSpec,
    pub agent: Option<Arc<dyn Agent>>,
    /// The session that the agent goes on in.
    pub session: Option<String>,
    pub kept: Vec<Event>,
}

/// Why a task's child cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The attempt fails; the run goes on.
    #[error("{0}")]
    Agent(String),
}

/// The identity that an attempt's child is given.
#[derive(Clone, Copy, Debug)]
pub struct AttemptIdentity<'a> {
    pub number: u32,
    pub token: &'a str,
    /// What it may cost at most, in US dollars.
    pub max_cost_usd: Option<f64>,
}

/// Prepares the child that works on a task.
pub fn prepare(
    setup: &Setup,
    run: &Run,
    paths: &RunPaths,
    task: &Task,
    identity: AttemptIdentity<'_>,
) -> Result<Prepared, LaunchError> {
    match &task.spec.work {
        Work::Command { run: command } => {
            let env = setup
                .environment
                .with(&[], &crew_variables(setup, run, paths, (task, identity.number), None));
            let log = paths.root().join(layout::log_of(&task.spec.id, identity.number));
            let child = shell(setup, command, env, (setup.folder_of(run, task), log));
            Ok(Prepared { child, agent: None, session: None, kept: Vec::new() })
        }
        // What it starts is only known when the work is put together.
        Work::Merge { .. } => Err(LaunchError::Agent("a merge is no child".into())),
        Work::Agent { program, .. } => {
            let agent = setup.agents.get(program);
            let agent = agent
                .ok_or_else(|| LaunchError::Agent(format!("there is no agent `{program}` here")))?
                .clone();
            let agent = agent.for_attempt(task.spec.id.as_str(), identity.number).unwrap_or(agent);
            let mut letter = Letter::write(run, paths, task, &*agent, identity.number);
            letter.max_cost_usd = identity.max_cost_usd;
            let mut kept = letter.keep(paths, task, identity.number)?;
            kept.push(letter.keep_context(paths, task, identity.number)?);
            let child = agent_child(setup, run, paths, task, identity, &*agent, &letter)?;
            Ok(Prepared { child, agent: Some(agent), session: letter.session, kept })
        }
    }
}

/// Prepares the child in which an agent is reminded, in its own session, that it has handed in nothing.
pub fn prepare_reminder(
    setup: &Setup,
    run: &Run,
    paths: &RunPaths,
    task: &Task,
    identity: AttemptIdentity<'_>,
    (agent, session): (Arc<dyn Agent>, String),
) -> Result<Prepared, LaunchError> {
    let mut letter = Letter::remind(run, task, &*agent, identity.number, session);
    letter.max_cost_usd = identity.max_cost_usd;
    let kept = letter.keep(paths, task, identity.number)?;
    let child = agent_child(setup, run, paths, task, identity, &*agent, &letter)?;
    Ok(Prepared { child, agent: Some(agent), session: letter.session, kept })
}

fn agent_child(
    setup: &Setup,
    run: &Run,
    paths: &RunPaths,
    task: &Task,
    identity: AttemptIdentity<'_>,
    agent: &dyn Agent,
    letter: &Letter,
) -> Result<ChildSpec, LaunchError> {
    let (spec, _) = letter
        .command(agent, setup, run, paths, task)
        .map_err(|error| LaunchError::Agent(error.to_string()))?;
    if let Some(companion) = agent.companion().filter(|_| task.spec.is_apart()) {
        atomic_file::write(&paths.companions().join(companion.name), companion.content.as_bytes())?;
    }
    let mut set = crew_variables(setup, run, paths, (task, identity.number), Some(identity));
    set.extend(spec.env.iter().cloned());
    let env = setup.environment.with(&spec.pass_env, &set);
    let words = Arc::new(hiding(&env));
    Ok(ChildSpec {
        // Its own folder may not be there yet.
        program: resolve(&spec.program, &env, &setup.repository),
        args: spec.args.iter().map(Into::into).collect(),
        env,
        cwd: setup.folder_of(run, task),
        stdin: spec.stdin.into_file(),
        log: paths.root().join(layout::log_of(&task.spec.id, identity.number)),
        kept: setup.limits.adopts.then(|| {
            KeptOutput::at(paths.root().join(layout::output_of(
                &task.spec.id,
                identity.number,
                letter.reminds,
            )))
        }),
        words,
        grace: setup.limits.grace,
        drain: setup.limits.drain,
        marks: marks::of_task(&setup.repository, &run.id, &task.spec.id),
    })
}

/// Prepares the child that runs a verification command.
pub fn prepare_check(
    setup: &Setup,
    run: &Run,
    paths: &RunPaths,
    task: &Task,
    number: u32,
    command: &str,
) -> ChildSpec {
    let env = setup.environment.with(&[], &crew_variables(setup, run, paths, (task, number), None));
    let log = paths.root().join(layout::verification_log_of(&task.spec.id, number));
    shell(setup, command, env, (setup.folder_of(run, task), log))
}

/// Prepares what makes a task's worktree ready.
pub fn prepare_worktree(
    setup: &Setup,
    run: &Run,
    paths: &RunPaths,
    task: &Task,
    number: u32,
    worktree: &Path,
) -> Preparation {
    let id = &task.spec.id;
    let log = paths.root().join(layout::log_of(id, number));
    // Where the work is only looked at, nothing but it is to be seen.
    let is_looked_at = task.spec.is_detached();
    let command = setup.worktrees.setup.as_ref().filter(|_| !is_looked_at).map(|command| {
        let set = crew_variables(setup, run, paths, (task, number), None);
        let place = (worktree.to_owned(), log.clone());
        // What it says last is told, so both of its streams have to come as one.
        let command = format!("exec 2>&1; {command}");
        (shell(setup, &command, setup.environment.with(&[], &set), place), setup.worktrees.setup_time)
    });
    Preparation {
        repository: setup.repository.clone(),
        worktree: worktree.to_owned(),
        links: if is_looked_at { Vec::new() } else { task.spec.link.clone() },
        excludes: paths.root().join(layout::excludes_of(id)),
        setup: command,
        mark: paths.root().join(layout::setup_mark_of(id)),
        log,
    }
}

/// What the worktree of a merge is made ready with, and what verifies the work in it.
pub struct MergePlace<'a> {
    pub folder: &'a Path,
    pub log: &'a Path,
    /// The tasks whose work is merged; at least one.
    pub tasks: &'a [&'a Task],
}

/// Prepares what makes the worktree of a merge ready. `task` is that of a merge at the end of a run.
pub fn prepare_merge(
    setup: &Setup,
    run: &Run,
    paths: &RunPaths,
    place: &MergePlace<'_>,
    task: Option<&Task>,
) -> Preparation {
    let command = setup.worktrees.setup.as_ref().map(|command| {
        (prepare_merge_check(setup, run, paths, place, (task, command)), setup.worktrees.setup_time)
    });
    Preparation {
        repository: setup.repository.clone(),
        worktree: place.folder.to_owned(),
        links: links::together(place.tasks.iter().flat_map(|task| &task.spec.link)),
        excludes: paths.root().join(layout::merge_excludes()),
        setup: command,
        mark: paths.root().join(layout::merge_setup_mark()),
        log: place.log.to_owned(),
    }
}

/// Prepares the child that runs a command on merged work. It sees what it would see as a verification command of `task`;
/// without one, nothing of any task.
pub fn prepare_merge_check(
    setup: &Setup,
    run: &Run,
    paths: &RunPaths,
    place: &MergePlace<'_>,
    (task, command): (Option<&Task>, &str),
) -> ChildSpec {
    let mut set = vec![
        ("CREW_RUN".to_owned(), run.id.to_string()),
        (marks::REPOSITORY.to_owned(), setup.repository.display().to_string()),
    ];
    set.extend(task.map(|task| ("CREW_TASK".to_owned(), task.spec.id.to_string())));
    set.extend(worktree_setup::around(place.folder));
    if place.tasks.iter().any(|task| !task.spec.link.is_empty()) {
        set.extend(worktree_setup::excluding(&paths.root().join(layout::merge_excludes())));
    }
    set.extend(values_for_commands(run));
    let child = shell(
        setup,
        command,
        setup.environment.with(&[], &set),
        (place.folder.to_owned(), place.log.to_owned()),
    );
    // What it puts aside ends with it: there is no run at work that would see to that.
    ChildSpec { marks: marks::of_run(&setup.repository, &run.id), ..child }
}

/// Returns a number for where a verification command runs and the variables that it sees, without those that name the run
/// and the task.
pub fn environment_of(child: &ChildSpec, paths: &RunPaths) -> String {
    let own = ["CREW_RUN", "CREW_TASK", trace_context::VARIABLE, trace_context::STATE_VARIABLE];
    let bin = paths.bin().display().to_string();
    let seen = child.env.iter().filter(|(name, _)| !own.contains(&name.to_string_lossy().as_ref()));
    // The folder that holds `crew` comes first in PATH, and is the run's own.
    let seen = seen.map(|(name, value)| format!("{name:?}={:?}", value.to_string_lossy().replace(&bin, "")));
    let mut seen: Vec<String> = seen.collect();
    seen.sort_unstable();
    seen.push(child.cwd.display().to_string());
    artifacts::sha256(seen.join("\n").as_bytes())
}

fn shell(
    setup: &Setup,
    command: &str,
    env: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    (cwd, log): (PathBuf, PathBuf),
) -> ChildSpec {
    // A command runs in our name, and reads what we may read.
    let words = Arc::new(hiding_ours(&env));
    ChildSpec {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), command.into()],
        env,
        cwd,
        stdin: None,
        log,
        kept: None,
        words,
        grace: setup.limits.grace,
        drain: setup.limits.drain,
        // Looking through all processes costs more than most commands; what they put aside ends with the run.
        marks: Vec::new(),
    }
}

/// Looks a program up in the child's PATH. Where it is not there, the start will say so.
fn resolve(program: &str, env: &[(std::ffi::OsString, std::ffi::OsString)], cwd: &Path) -> PathBuf {
    let path = env.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value);
    which::which_in(program, path, cwd).unwrap_or_else(|_| program.into())
}

/// Returns the variables by which the child of an attempt knows where it belongs. Only an agent gets a token.
fn crew_variables(
    setup: &Setup,
    run: &Run,
    paths: &RunPaths,
    (task, number): (&Task, u32),
    identity: Option<AttemptIdentity<'_>>,
) -> Vec<(String, String)> {
    let place = TraceContext::of_attempt(&run.id, run.caller.as_ref(), &task.spec.id, number);
    let mut variables = vec![
        ("CREW_RUN".to_owned(), run.id.to_string()),
        ("CREW_TASK".to_owned(), task.spec.id.to_string()),
        (trace_context::VARIABLE.to_owned(), place.to_string()),
        (marks::REPOSITORY.to_owned(), setup.repository.display().to_string()),
    ];
    let [caller, state] =
        [trace_context::VARIABLE, trace_context::STATE_VARIABLE].map(|name| std::env::var(name).ok());
    let state = place.state_of_caller(caller.as_deref(), state);
    variables.extend(state.map(|state| (trace_context::STATE_VARIABLE.to_owned(), state)));
    if task.spec.is_apart() {
        variables.extend(worktree_setup::variables(paths, task, &setup.folder_of(run, task)));
    }
    if identity.is_none() {
        variables.extend(values_for_commands(run));
    }
    if let Some(AttemptIdentity { token, .. }) = identity {
        let context = paths.artifacts().join(context_of(task, number));
        variables.extend([
            ("CREW_ATTEMPT".to_owned(), number.to_string()),
            ("CREW_TOKEN".to_owned(), token.to_owned()),
            ("CREW_INBOX".to_owned(), paths.inbox().display().to_string()),
            ("CREW_CONTEXT".to_owned(), context.display().to_string()),
        ]);
    }
    variables
}

/// Returns the goal and the variables of a run for a shell command. They are never put into its text, where they could
/// mean something to the shell.
fn values_for_commands(run: &Run) -> Vec<(String, String)> {
    let named = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let vars = run.vars.iter().filter(|(name, _)| named(name));
    let values = vars.map(|(name, value)| (format!("CREW_VAR_{name}"), value.clone()));
    std::iter::once(("CREW_GOAL".to_owned(), run.goal.clone()))
        .chain(values)
        // The system takes no longer ones, and would not start the command at all.
        .filter(|(_, value)| value.len() <= MAX_ARGUMENT && !value.contains('\0'))
        .collect()
}

fn context_of(task: &Task, attempt: u32) -> String {
    format!("contexts/{}.{attempt}.json", task.spec.id)
}

/// What an agent is told.
pub struct Letter {
    pub system_prompt: String,
    pub prompt: String,
    /// Where the prompt is kept, relative to the run's artifacts.
    file: String,
    /// The session that the agent goes on in.
    session: Option<String>,
    /// It is a reminder of what was not done.
    reminds: bool,
    /// What it may cost, in US dollars.
    max_cost_usd: Option<f64>,
    context: TaskContext,
}

impl Letter {
    /// Writes what an agent is told about a task in its attempt `number`.
    pub fn write(run: &Run, paths: &RunPaths, task: &Task, agent: &dyn Agent, number: u32) -> Letter {
        let file = artifacts::prompt_of(&task.spec.id, number);
        let Work::Agent { persona, task: text, submit_optional, .. } = &task.spec.work else {
            let (system_prompt, prompt) = (String::new(), String::new());
            let context = empty_context(run, task);
            return Letter {
                system_prompt,
                prompt,
                file,
                session: None,
                reminds: false,
                max_cost_usd: None,
                context,
            };
        };
        let session = session_to_resume(task, agent);
        let sources = sources_of(run, task);
        let earlier: Vec<Earlier> = sources.iter().map(|source| earlier_words(paths, source)).collect();
        let context = context::fence(&earlier);
        let blamed = |attempt: &&Attempt| {
            !matches!(attempt.state, AttemptState::Ended(Outcome::Cancelled | Outcome::Lost))
        };
        let in_new_round = task.new_round().is_some();
        let failure = task
            .last()
            .filter(|_| !in_new_round)
            .filter(blamed)
            .filter(|attempt| !attempt.paused)
            .map(|attempt| attempt.reason.as_str())
            .filter(|reason| !reason.is_empty());
        let prompt = prompt::compose(&PromptParts {
            goal: &run.goal,
            task: task.spec.id.as_str(),
            terms: &Terms::of(task, &run.roster),
            text,
            context: &context,
            earlier_failure: failure,
            may_write: task.may_write(),
            place: place_of(run, task).as_ref(),
            resumed: session.is_some()
                && !in_new_round
                && !task.last().is_some_and(|last| last.paused || is_sent_back(task, last)),
            words: &task.words,
            verify: &task.spec.verify,
            submit_optional: *submit_optional,
            review_rules: &review_rules::words(run, paths, task),
            round: &round_words(task),
        });
        let earlier = sources.iter().map(|source| earlier_task(paths, source)).collect();
        let system_prompt = system_prompt_of(run, persona);
        Letter {
            prompt: prompt_text(agent, &system_prompt, &prompt),
            system_prompt,
            file,
            session,
            reminds: false,
            max_cost_usd: None,
            context: TaskContext { earlier, ..empty_context(run, task) },
        }
    }

    /// Writes what an agent is told that ended without having handed in anything.
    fn remind(run: &Run, task: &Task, agent: &dyn Agent, number: u32, session: String) -> Letter {
        let system_prompt = match &task.spec.work {
            // Where it has no place of its own it was said at the beginning of the session.
            Work::Agent { persona, .. } if agent.takes_system_prompt() => system_prompt_of(run, persona),
            _ => String::new(),
        };
        Letter {
            system_prompt,
            prompt: task.last().map(|last| request::reminder(task, last)).unwrap_or_default(),
            file: artifacts::reminder_of(&task.spec.id, number),
            session: Some(session),
            reminds: true,
            max_cost_usd: None,
            context: empty_context(run, task),
        }
    }

    fn keep(&self, paths: &RunPaths, task: &Task, attempt: u32) -> Result<Vec<Event>, StoreError> {
        let (kind, producer) = ((ArtifactKind::Prompt, self.file.clone()), Some((&task.spec.id, attempt)));
        Ok(vec![artifacts::keep(paths, kind, producer, self.prompt.as_bytes())?])
    }

    fn keep_context(&self, paths: &RunPaths, task: &Task, attempt: u32) -> Result<Event, StoreError> {
        let producer = Some((&task.spec.id, attempt));
        let context = serde_json::to_vec_pretty(&self.context).unwrap_or_default();
        artifacts::keep(paths, (ArtifactKind::Context, context_of(task, attempt)), producer, &context)
    }

    /// Puts the agent's command line together, with what the agent holds to less strictly than asked.
    pub fn command(
        &self,
        agent: &dyn Agent,
        setup: &Setup,
        run: &Run,
        paths: &RunPaths,
        task: &Task,
    ) -> Result<(CommandSpec, Vec<String>), Unsupported> {
        let prompt_file = paths.artifacts().join(&self.file);
        let (mut role, mut name, mut thinking, mut free) = ("", "", None, true);
        if let Work::Agent { role: r, persona, thinking: t, submit_optional, .. } = &task.spec.work {
            (role, name, thinking, free) = (r.as_str(), persona.as_str(), t.as_deref(), *submit_optional);
        }
        let persona = run.personas.get(name);
        let (inbox, cwd, companions) = (paths.inbox(), setup.folder_of(run, task), paths.companions());
        let is_apart = task.spec.is_apart() && cwd.starts_with(&setup.repository);
        let assignment = Assignment {
            role,
            access: if task.may_write() { Access::Write } else { Access::ReadOnly },
            system_prompt: &self.system_prompt,
            prompt: &self.prompt,
            prompt_file: &prompt_file,
            cwd: &cwd,
            inbox: &inbox,
            model: task.next_model(),
            thinking,
            tools: persona.map(|persona| persona.tools.as_slice()).unwrap_or_default(),
            max_turns: persona.and_then(|persona| persona.max_turns),
            max_cost_usd: self.max_cost_usd,
            session: self.session.as_deref(),
            must_submit: !free,
            reminds: self.reminds,
            apart: is_apart.then_some(Apart { repository: &setup.repository, companions: &companions }),
        };
        Ok((agent.command(&assignment)?, agent.caveats(&assignment)))
    }
}

fn system_prompt_of(run: &Run, persona: &str) -> String {
    run.personas.get(persona).map(|persona| persona.system_prompt.clone()).unwrap_or_default()
}

/// Says what a review asks of a task that was sent back, or of those that review it again.
fn round_words(task: &Task) -> String {
    match &task.round {
        Some(round) if task.spec.reviews.is_some() => round_words::for_reviewer(round),
        Some(round) => round_words::for_worker(round),
        None => String::new(),
    }
}

/// Tells whether a review sent back what an attempt made, and nobody has been at it since.
fn is_sent_back(task: &Task, attempt: &Attempt) -> bool {
    // Whoever reviews again begins afresh: it is to look at what is there.
    let in_round = task.round.as_ref().filter(|_| task.spec.reviews.is_none());
    let in_round = in_round.is_some_and(|round| round.attempts_before == attempt.number as usize);
    in_round || (task.sent_back && task.attempts_before == attempt.number as usize)
}

/// Returns the session that the next attempt goes on in: that of an attempt which was cut off or which waited for a
/// person, or whose work a review sent back; not one that failed.
fn session_to_resume(task: &Task, agent: &dyn Agent) -> Option<String> {
    session_after(task, task.last(), agent)
}

/// Returns the session that an attempt of a task goes on in which follows upon another. None travels with a run.
pub fn session_after(task: &Task, before: Option<&Attempt>, agent: &dyn Agent) -> Option<String> {
    let cut_off = |attempt: &&Attempt| {
        let ended_early = matches!(attempt.state, AttemptState::Ended(Outcome::Cancelled | Outcome::Lost));
        let goes_on = ended_early || attempt.paused || is_sent_back(task, attempt);
        goes_on && !attempt.elsewhere && attempt.agent == agent.name()
    };
    before.filter(cut_off).filter(|_| agent.resumes_sessions())?.session.clone()
}

/// Returns what an agent is told of where it works.
fn place_of(run: &Run, task: &Task) -> Option<prompt::Place> {
    match run.target_of(task) {
        Some(ReviewTarget { base, head, .. }) => Some(prompt::Place::Detached { base, head }),
        // What is reviewed may not be there yet, where its start is only rehearsed.
        None if task.spec.is_apart() && task.spec.reviews.is_none() => {
            Some(prompt::Place::Branch(worktree::branch_of(&run.id, &task.spec.id)))
        }
        None => None,
    }
}

fn empty_context(run: &Run, task: &Task) -> TaskContext {
    let terms = Terms::of(task, &run.roster);
    let reviewed = run.target_of(task).map(|target| ReviewedRange { base: target.base, head: target.head });
    TaskContext {
        goal: run.goal.clone(),
        task: task.spec.id.to_string(),
        terms,
        reviewed,
        earlier: Vec::new(),
    }
}

/// Returns the tasks whose results a task is told: those it depends on, and those whose output it reads.
fn sources_of<'a>(run: &'a Run, task: &Task) -> Vec<&'a Task> {
    let mut sources: Vec<&Task> = task.spec.depends_on.iter().filter_map(|id| run.task(id)).collect();
    for name in &task.spec.reads {
        let writer = run.tasks.iter().find(|other| other.spec.output.as_ref() == Some(name));
        if let Some(writer) =
            writer.filter(|writer| !sources.iter().any(|known| known.spec.id == writer.spec.id))
        {
            sources.push(writer);
        }
    }
    sources
}

fn earlier_words(paths: &RunPaths, source: &Task) -> Earlier {
    let last = source.last();
    let result = paths
        .artifacts()
        .join(artifacts::result_text_of(&source.spec.id, last.map_or(0, |last| last.number)));
    let log = last.map(|last| paths.root().join(layout::log_of(&source.spec.id, last.number)));
    let (text, kept_at) = match (std::fs::read_to_string(&result), command_words(paths, source)) {
        (_, Some(words)) => (words, log.unwrap_or(result)),
        (Ok(text), None) => (text, result),
        (Err(_), None) => (source.reason.clone(), log.unwrap_or(result)),
    };
    Earlier {
        task: source.spec.id.to_string(),
        role: source.spec.role().to_owned(),
        state: source.state.name().to_owned(),
        text,
        kept_at: kept_at.display().to_string(),
    }
}

/// Returns the command of a command step, how it ended, and the end of its output.
fn command_words(paths: &RunPaths, source: &Task) -> Option<String> {
    let Work::Command { run } = &source.spec.work else { return None };
    let attempt = source.last()?;
    let log = paths.root().join(layout::log_of(&source.spec.id, attempt.number));
    // A command's own log is as the command wrote it.
    let tail = log_tail::safe_tail(&log, &hiding_ours(&[]), MAX_COMMAND_OUTPUT as u64).unwrap_or_default();
    let ending = crate::domain::judgement::ending_words(&attempt.ending);
    Some(format!("`{run}`: {ending}\n\n{}", clean_text(&tail, MAX_COMMAND_OUTPUT)))
}

fn earlier_task(paths: &RunPaths, source: &Task) -> EarlierTask {
    EarlierTask {
        task: source.spec.id.to_string(),
        role: source.spec.role().to_owned(),
        state: source.state.name().to_owned(),
        reason: source.reason.clone(),
        result: last_result(paths, source),
        review: kept_as(paths, source),
        plan: kept_as(paths, source),
        command: match &source.spec.work {
            Work::Command { run } => Some(run.clone()),
            Work::Agent { .. } | Work::Merge { .. } => None,
        },
    }
}

/// Returns what the newest attempt of a task handed in, where it is of the kind asked for.
fn kept_as<T: serde::de::DeserializeOwned>(paths: &RunPaths, task: &Task) -> Option<T> {
    let path = artifacts::result_of(&task.spec.id, task.last()?.number);
    let text = std::fs::read(paths.artifacts().join(path)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Returns the result that the newest attempt of a task handed in.
fn last_result(paths: &RunPaths, task: &Task) -> Option<ResultBody> {
    // A result has whatever fields its step asks for, so a plan would do for one; a review lacks its summary.
    if kept_as::<PlanBody>(paths, task).is_some() { None } else { kept_as(paths, task) }
}

/// Returns the findings that the newest attempt of a task handed in, in a result or a review.
pub fn last_findings(paths: &RunPaths, task: &Task) -> Vec<Finding> {
    let of_result = last_result(paths, task).map(|result| result.findings);
    of_result.or_else(|| Some(kept_as::<ReviewBody>(paths, task)?.findings)).unwrap_or_default()
}

/// Keeps what an attempt handed in, for people and for later tasks, and returns what to record.
pub fn keep_result(
    paths: &RunPaths,
    task: &Task,
    attempt: u32,
    handed_in: Option<&HandedIn>,
    last_words: &str,
) -> Result<Vec<Event>, StoreError> {
    let producer = Some((&task.spec.id, attempt));
    let (text, json) = match handed_in {
        Some(HandedIn::Result(result)) => (result_text(result), serde_json::to_vec_pretty(result).ok()),
        Some(HandedIn::Plan(plan)) => (plan.to_markdown(), serde_json::to_vec_pretty(plan).ok()),
        Some(HandedIn::Review(review)) => (review_text(review), serde_json::to_vec_pretty(review).ok()),
        Some(other) => (format!("{}\n", other.summary()), None),
        None => (clean_text(last_words, submission::MAX_DETAILS), None),
    };
    let mut kept = Vec::new();
    if let Some(json) = json {
        let path = artifacts::result_of(&task.spec.id, attempt);
        kept.push(artifacts::keep(paths, (ArtifactKind::Result, path), producer, &json)?);
    }
    let path = artifacts::result_text_of(&task.spec.id, attempt);
    kept.push(artifacts::keep(paths, (ArtifactKind::Result, path), producer, text.as_bytes())?);
    if let Some(name) = &task.spec.output {
        let shared = (ArtifactKind::Shared, artifacts::shared(name));
        kept.push(artifacts::keep(paths, shared, producer, text.as_bytes())?);
    }
    Ok(kept)
}

fn result_text(result: &ResultBody) -> String {
    let details =
        result.details.as_ref().map(|details| format!("\n{}\n", details.trim())).unwrap_or_default();
    let (findings, more) = (finding_lines(&result.findings), result.more_to_markdown());
    let text = format!("{}\n{findings}{details}{more}", result.summary.trim());
    clean_text(&text, submission::MAX_DETAILS)
}

fn review_text(review: &ReviewBody) -> String {
    let verdict = match review.verdict {
        ReviewVerdict::Approved => "Approved.",
        ReviewVerdict::ChangesRequested => "Changes requested.",
    };
    let resolved: String = review
        .closes()
        .map(|Resolved { fingerprint, evidence }| format!("\n- resolved {fingerprint}: {evidence}"))
        .collect();
    let text = format!("{verdict}\n{}{resolved}\n{}\n", finding_lines(&review.findings), review.body.trim());
    clean_text(&text, submission::MAX_DETAILS)
}

fn finding_lines(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let file = quote(&finding.file);
        format!("\n- {} {file}:{} {}", finding.severity, finding.start_line, finding.title)
    };
    findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;
    use crate::store::layout::Layout;

    #[test]
    fn a_run_that_was_begun_to_be_adopted_is_unless_somebody_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Layout::of(folder.path()).run(&RunId::from_random(1));
        let said = |value: Option<(&str, Origin)>| {
            let mut settings = Settings::default();
            if let Some((value, origin)) = value {
                settings.set("recovery.living", value.into(), origin, true).unwrap();
            }
            Limits::of_run(&settings, &paths).adopts
        };
        let user = || Origin::User("config.json".into());
        assert_eq!([said(None), said(Some(("adopt", user())))], [false, true]);
        std::fs::create_dir_all(paths.output()).unwrap();
        assert_eq!([said(None), said(Some(("end", user())))], [true, true]);
        let variable = Origin::Environment("CREW_RECOVERY_LIVING".into());
        assert_eq!([said(Some(("end", Origin::Flag))), said(Some(("end", variable)))], [false, false]);
    }
}
