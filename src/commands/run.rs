//! `crew run`: carry out a workflow.

use super::asking::Asking;
use super::base::{self, Beginning};
use super::budget::BudgetArgs;
use super::closing::Closing;
use super::context::{Context, refuse_contradictions};
use super::cut_off;
use super::detached::{self, Told};
use super::ended;
use super::exit::{self, ExitStatus, Problem, Problems};
use super::going_on::resume_command;
use super::notices::Notices;
use super::plan::{self, Plan, Sources, Wishes};
use super::recordings::{Loaded, RecordingArgs};
use super::resume::{self, ResumeArgs};
use super::review;
use super::telemetry::Telemetry;
use super::typist;
use crate::agents::builtin;
use crate::agents::registry::Registry;
use crate::domain::event::{ArtifactKind, Event, Recorded};
use crate::domain::gate::{self, GatePolicy, GateReason};
use crate::domain::id::{RunId, TaskId};
use crate::domain::notice::Policy;
use crate::domain::price::Prices;
use crate::domain::provider::Providers;
use crate::domain::retry::Retries;
use crate::domain::review::target::Reviews;
use crate::domain::run::Run;
use crate::domain::settings::{self, Settings};
use crate::domain::task::{Task, TaskSpec, Work, Working};
use crate::domain::telemetry;
use crate::domain::trace_context::{self, TraceContext};
use crate::domain::words::clean_text;
use crate::runner::clock;
use crate::runner::dispatcher::{self, Finished, Observer};
use crate::runner::environment::Environment;
use crate::runner::launch::{Letter, Limits, Setup};
use crate::runner::worktree_setup::WorktreeSetup;
use crate::store::artifacts;
use crate::store::database::Store;
use crate::store::layout::{Layout, RunPaths};
use crate::store::lock::{self, RunLock};
use crate::ui::printer::Tone;
use crate::ui::progress::Progress;
use crate::ui::screen;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// Carry out a goal with a team of agents
///
/// A task starts as soon as its own dependencies are done. Exit 0: completed; 1: failed, needs review or
/// was cancelled; 2: nothing started because something is wrong; 130: interrupted, `crew resume` continues.
///
/// With --record, what agents do is kept; with --replay, a run needs no agents: a workflow is tested without a model.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// What is to be achieved
    #[arg(required_unless_present = "resume")]
    goal: Option<String>,

    /// Go on with an interrupted run, as `crew resume RUN` does: the beginning of its id, or `last`
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = [
            "goal", "team", "workflow", "agent", "model", "jobs", "fail_fast", "worktree", "include_dirty",
            "no_verify_cache", "dry_run", "record", "replay",
        ],
    )]
    resume: Option<String>,

    /// Team to take, with its workflow
    #[arg(long, value_name = "NAME")]
    team: Option<String>,

    /// Workflow to carry out
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,

    /// Agent for every step: claude, codex, gemini, opencode, pi, builtin, or one from the settings
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,

    /// Model for every agent step
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// Tasks at once
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,

    /// Stop everything at the first failure
    #[arg(long)]
    fail_fast: bool,

    /// Let each task work in a git worktree of its own, on a branch of its own
    ///
    /// A step that says `worktree: false` stays in the folder, where nothing that it depends on works apart.
    #[arg(long)]
    worktree: bool,

    /// Let worktrees begin from what is not committed too, instead of refusing a tree with changes
    ///
    /// All of it is put into a commit that only the run knows; files, index and branch stay as they are.
    #[arg(long)]
    include_dirty: bool,

    /// Run every `verify` command, although it passed on the very same tree just now
    #[arg(long)]
    no_verify_cache: bool,

    #[command(flatten)]
    budget: BudgetArgs,

    #[command(flatten)]
    recordings: RecordingArgs,

    /// Show tasks, prompts and command lines, and start nothing
    #[arg(long)]
    dry_run: bool,

    /// Return as soon as the run is at work, and let a process of its own carry it out; prints the run's id
    ///
    /// That one goes on when the terminal is closed, and ends with the run. crew attach looks on, crew wait waits for it.
    #[arg(long)]
    detach: bool,

    /// Set a setting for this run, or a variable: limits.grace_seconds=1, vars.NAME=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Trust this repository's files for this run: they may run commands and replace built-in names
    #[arg(long)]
    trust_project: bool,
}

/// Carries out a goal.
pub fn run(cx: &Context, args: &RunArgs) -> Result<ExitStatus> {
    if let Some(run) = &args.resume {
        let wanted = ResumeArgs::of_run(run, args.budget.clone(), &args.set, args.trust_project);
        return resume::resume(cx, &wanted.detached(args.detach));
    }
    let goal = args.goal.as_deref().unwrap_or_default();
    if goal.trim().is_empty() {
        return Err(Problem::usage("no_goal", "the goal is empty")
            .hint("crew run \"what is to be achieved\"")
            .into());
    }
    let layout = cx.layout()?;
    let trusted = args.trust_project || cx.trusts(&layout)?;
    let mut sets = args.set.clone();
    sets.extend(args.no_verify_cache.then(|| format!("{}=0", settings::VERIFY_CACHE_MINUTES.key)));
    let settings = cx.settings(&layout, &sets, trusted)?;
    refuse_contradictions(&settings)?;
    let mut registry = registry(&settings)?;
    let library = cx.library(&layout, &registry, trusted)?;
    let replayed = args.recordings.load(&mut registry)?;
    let sources = Sources { settings: &settings, registry: &registry, library: &library, trusted };
    let wishes = Wishes {
        goal,
        team: args.team.as_deref(),
        workflow: args.workflow.as_deref(),
        agent: replayed.as_ref().map(Loaded::agent).or(args.agent.as_deref()),
        model: args.model.as_deref(),
        jobs: args.jobs,
        fail_fast: args.fail_fast,
        worktrees: args.worktree || settings.flag(&settings::WORKTREES_ENABLED),
        budget: args.budget.of_new_run(&settings),
    };
    cut_off::refuse(&layout)?;
    if args.detach {
        // What an agent starts ends with its attempt.
        typist::refuse_agents(Some(layout.repository()))?;
    }
    let mut plan = plan::make(&sources, &wishes)?;
    if let Some(replayed) = &replayed {
        replayed.refuse_missing(&plan.tasks)?;
        plan.notes.push(replayed.announced());
    }
    plan.notes.extend(args.recordings.announced(layout.repository())?);
    let beginning = base::find(&layout, &settings, &mut plan, args.include_dirty)?;
    plan.base = beginning.as_ref().map(|beginning| beginning.base.clone());
    // A workflow may have ten thousand steps; what is only needed to make the plan is not kept beside it.
    drop(library);
    let id = clock::new_run_id();
    let mut setup = setup(&layout, &settings, &registry, &layout.run(&id));
    if let Some(replayed) = &replayed {
        setup.retries.pace(|backoff| replayed.tempo.of(backoff));
    }
    let launches = rehearse_plan(&mut plan, goal, &id, &setup, &layout.run(&id))?;
    if args.dry_run {
        return show_plan(cx, &plan, &launches, &setup.gates, beginning.as_ref());
    }
    drop(launches);
    setup.recordings = args.recordings.prepare()?;
    setup.person_key = Context::person_key();
    // Agents go on and limits run whoever reads what is told.
    screen::take_over();
    plan.notes.iter().for_each(|note| cx.printer.tell(note));
    let mut store = Store::open(&layout).context("open the store")?;
    plan.base = beginning.map(|beginning| base::settle(&layout, beginning, &id)).transpose()?;
    let (run, lock) = create(&mut store, plan, goal, id)?;
    if args.detach {
        let recordings = args.recordings.handed_on(setup.recordings.as_deref())?;
        let told = Told { sets: &sets, trust_project: args.trust_project, recordings };
        return detached::start(cx, &store, &run, lock, &told);
    }
    carry_out_recorded(cx, &mut store, run, lock, &setup)
}

/// Carries a run out, and says what is wrong with what was recorded of its agents.
pub fn carry_out_recorded(
    cx: &Context,
    store: &mut Store,
    run: Run,
    lock: RunLock,
    setup: &Setup,
) -> Result<ExitStatus> {
    let status = carry_out(cx, store, run, lock, setup);
    let notes = setup.recordings.as_ref().map(|recordings| recordings.notes());
    notes.into_iter().flatten().for_each(|note| cx.printer.warn(&format!("recording: {note}")));
    status
}

/// Knows every agent, those of the settings too.
pub fn registry(settings: &Settings) -> Result<Registry> {
    let ourselves = std::env::current_exe().context("find the running program")?;
    let registry = Registry::new(ourselves.display().to_string(), settings);
    registry.map_err(|problems| super::context::as_problems(problems).into())
}

/// Puts together what the dispatcher works with.
pub fn setup(layout: &Layout, settings: &Settings, registry: &Registry, paths: &RunPaths) -> Setup {
    Setup {
        agents: registry.programs(),
        environment: Environment::of_ours(&settings.names(&settings::ENV_PASS), &paths.bin()),
        repository: layout.repository().to_owned(),
        limits: Limits::of_run(settings, paths),
        retries: Retries::of(settings),
        prices: Prices::of(settings),
        recordings: None,
        gates: GatePolicy::of(settings),
        notices: Policy::of(settings),
        telemetry: telemetry::Policy::of(settings, |name| std::env::var(name).ok()),
        person_key: None,
        worktrees: WorktreeSetup::of(settings, layout.repository()),
    }
}

/// Puts the command lines of a plan together, and adds to its notes what agents hold to less strictly than asked.
pub fn rehearse_plan(
    plan: &mut Plan,
    goal: &str,
    id: &RunId,
    setup: &Setup,
    paths: &RunPaths,
) -> Result<Vec<Rehearsed>> {
    let planned = preview(plan, goal, id)?;
    let Rehearsal { launches, caveats } = rehearse(&planned, planned.tasks.iter(), setup, paths)?;
    plan.notes.extend(caveats);
    Ok(launches)
}

/// Replays the plan in memory, so that a rehearsal sees what the run will be.
fn preview(plan: &Plan, goal: &str, id: &RunId) -> Result<Run> {
    let at = clock::now();
    let mut events = plan.clone().into_events(goal);
    let first = events.next().context("a plan has a first event")?;
    let mut run = Run::create(id.clone(), at, &first)?;
    for event in events {
        run.apply(at, &event)?;
    }
    Ok(run)
}

/// Refuses what the agents of some tasks of a run cannot do; returns what they hold to less strictly than asked.
pub fn refuse_what_agents_cannot(
    run: &Run,
    setup: &Setup,
    paths: &RunPaths,
    tasks: &[TaskId],
) -> Result<Vec<String>> {
    let concerned = |task: &&Task| tasks.contains(&task.spec.id);
    let of_these = run.tasks.iter().filter(concerned);
    rehearse(run, of_these, setup, paths).map(|rehearsal| rehearsal.caveats)
}

/// A task's command line, as it will be.
pub struct Rehearsed {
    task: String,
    command: Vec<String>,
    prompt: Option<String>,
}

/// What a run would start.
struct Rehearsal {
    /// In the order of the tasks.
    launches: Vec<Rehearsed>,
    /// What agents hold to less strictly than asked, a sentence each.
    caveats: Vec<String>,
}

/// Puts every agent's command line together, so that what an agent cannot do is said before anything starts.
fn rehearse<'a>(
    run: &Run,
    tasks: impl Iterator<Item = &'a Task>,
    setup: &Setup,
    paths: &RunPaths,
) -> Result<Rehearsal> {
    let mut rehearsed = Vec::new();
    let mut caveats: Vec<String> = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for task in tasks {
        let id = task.spec.id.to_string();
        match &task.spec.work {
            Work::Command { run } => {
                let command = vec!["/bin/sh".into(), "-c".into(), run.clone()];
                rehearsed.push(Rehearsed { task: id, command, prompt: None });
            }
            // crew does it itself, with the commands of the steps.
            Work::Merge { .. } => {}
            Work::Agent { program, role, .. } => {
                let Some(agent) = setup.agents.get(program) else { continue };
                let letter = Letter::write(run, paths, task, &**agent, 1);
                match letter.command(&**agent, setup, run, paths, task) {
                    Ok((spec, held_loosely)) => {
                        for caveat in held_loosely {
                            if !caveats.contains(&caveat) {
                                caveats.push(caveat);
                            }
                        }
                        let command = std::iter::once(spec.program).chain(spec.args).collect();
                        rehearsed.push(Rehearsed { task: id, command, prompt: Some(letter.prompt) });
                    }
                    Err(_) if program == builtin::NAME && !builtin::ROLES.contains(&role.as_str()) => {
                        if !missing.contains(&role.as_str()) {
                            missing.push(role);
                        }
                    }
                    Err(error) => problems.push(Problem::usage("unsupported", format!("step {id}: {error}"))),
                }
            }
        }
    }
    if !missing.is_empty() {
        problems.push(nobody_can(&missing));
    }
    if problems.is_empty() {
        Ok(Rehearsal { launches: rehearsed, caveats })
    } else {
        Err(Problems(problems).into())
    }
}

fn nobody_can(roles: &[&str]) -> Problem {
    let noun = if roles.len() == 1 { "role" } else { "roles" };
    let roles = roles.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(", ");
    Problem::usage("no_agent_for_role", format!("no agent can do the {noun} {roles} on this machine")).hint(
        "install claude, codex, gemini, opencode or pi, or name a program: \
         crew config set agents.NAME '{\"command\": \"...\", \"writes\": true}'\n      \
         (the built-in agent explores, reviews, verifies and reports; it does not write code. \
         crew run GOAL --team review works without any other)",
    )
}

/// Shows what a run would be.
pub fn show_plan(
    cx: &Context,
    plan: &Plan,
    launches: &[Rehearsed],
    policy: &GatePolicy,
    beginning: Option<&Beginning>,
) -> Result<ExitStatus> {
    let by_task: HashMap<&str, &Rehearsed> =
        launches.iter().map(|launch| (launch.task.as_str(), launch)).collect();
    if cx.printer.json {
        let tasks: Vec<Value> = plan.tasks.iter().map(|spec| {
            let launch = by_task.get(spec.id.as_str());
            let mut json = json!({
                "id": spec.id, "role": spec.role(), "agent": spec.program(), "depends_on": spec.depends_on,
                "gates": gates_of(spec, policy), "worktree": spec.worktree, "link": spec.link,
                "command": launch.map(|launch| &launch.command),
                "prompt": launch.and_then(|launch| launch.prompt.as_ref()),
            });
            if let Some(reviews) = &spec.reviews {
                json["reviews"] = json!({"task": reviews.task, "rounds": reviews.rounds});
            }
            if let Work::Merge { into, how } = &spec.work {
                json["merge"] = json!({"into": into, "how": how});
            }
            json
        }).collect();
        let base = beginning.map(|Beginning { base, uncommitted }| {
            json!({"commit": base.commit, "branch": base.branch, "uncommitted": uncommitted})
        });
        cx.printer.json(&json!({
            "team": plan.team, "workflow": plan.workflow, "limits": plan.limits, "base": base, "tasks": tasks,
            "notes": plan.notes,
        }))?;
        return Ok(ExitStatus::Done);
    }
    cx.printer.data(&format!(
        "{} team  {} workflow  {}  up to {} at once  (dry run: nothing is started)",
        plan.team,
        plan.workflow,
        words::count(plan.tasks.len(), "task"),
        plan.limits.jobs
    ))?;
    if let Some(beginning) = beginning {
        cx.printer.data(&format!("worktrees on  base {}", beginning.words()))?;
    }
    plan.notes.iter().try_for_each(|note| cx.printer.data(note))?;
    let mut columns = vec![
        ("task", Column::Left),
        ("role", Column::Left),
        ("agent", Column::Left),
        ("gates", Column::Left),
        ("after", Column::Wide),
    ];
    if beginning.is_some() {
        columns.insert(3, ("works in", Column::Left));
    }
    let mut rows = Rows::new(&columns);
    for spec in &plan.tasks {
        let after: Vec<&str> = spec.depends_on.iter().map(|id| id.as_str()).collect();
        let mut after = if after.is_empty() { "-".to_owned() } else { after.join(", ") };
        if let Some(Reviews { task: Some(work), rounds, .. }) = &spec.reviews {
            let rounds = if *rounds > 0 { format!(", {rounds} rounds at most") } else { String::new() };
            after.push_str(&format!("; reviews {work}{rounds}"));
        }
        let gates = gates_of(spec, policy);
        let gates = if gates.is_empty() { "-".to_owned() } else { gates.join(", ") };
        let mut cells =
            vec![spec.id.to_string(), spec.role().to_owned(), spec.program().to_owned(), gates, after];
        if beginning.is_some() {
            let place = match &spec.work {
                Work::Merge { into, .. } => clean_text(into, 100),
                _ if spec.worktree => "worktree".into(),
                _ => "folder".into(),
            };
            cells.insert(3, place);
        }
        rows.add(cells.into_iter().map(|cell| (cell, Tone::Plain)).collect());
    }
    cx.printer.data(&rows.render(&cx.printer))?;
    for launch in launches {
        cx.printer.data(&format!("\n== {}\n$ {}", launch.task, shown_command(&launch.command)))?;
        if let Some(prompt) = &launch.prompt {
            cx.printer.data(&indented(&clean_text(prompt, 100_000)))?;
        }
    }
    Ok(ExitStatus::Done)
}

/// Returns where a person will have to decide about a task, as far as that is known before it runs.
fn gates_of(spec: &TaskSpec, policy: &GatePolicy) -> Vec<&'static str> {
    let by_policy = gate::should_gate(spec.action(), spec.environment.as_deref(), None, policy);
    let before = spec.gates.before || by_policy != GateReason::Auto;
    let gates = [(before, "before"), (spec.gates.plan, "plan"), (spec.gates.after, "after")];
    gates.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name).collect()
}

fn shown_command(words: &[String]) -> String {
    let quoted = |word: &String| {
        let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,@%+".contains(character);
        let word = clean_text(word, 4096);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("    {line}"))
        .map(|line| line.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Records a new run, which is ours.
pub fn create(store: &mut Store, mut plan: Plan, goal: &str, id: RunId) -> Result<(Run, RunLock)> {
    let paths = store.paths(&id);
    let in_rounds = plan.tasks.iter_mut().filter_map(|task| task.reviews.as_mut()).filter(|of| of.rounds > 0);
    for reviews in in_rounds {
        reviews.quiet = store.dismissed()?.into_keys().collect();
    }
    let lock = lock::try_take(&paths)?.context("a run that was just named has an owner")?;
    // Before the run is there: whoever goes on with it would not know that it is missing.
    let kept = artifacts::keep(&paths, (ArtifactKind::Goal, "goal.md".into()), None, goal.as_bytes())?;
    let mut events: Vec<Event> = plan.into_events(goal).chain([kept]).collect();
    if let Some(Event::RunCreated { caller, .. }) = events.first_mut() {
        // What is no place in a trace is nobody's mistake here: the run gets a trace of its own.
        let said = std::env::var(trace_context::VARIABLE).ok();
        *caller = said.and_then(|text| TraceContext::parse(&text));
    }
    let (run, _) = store.create_run(id, clock::now(), events).context("record the run")?;
    Ok((run, lock))
}

/// Carries a run out to its end, shows how it goes, and says what came of it.
pub fn carry_out(
    cx: &Context,
    store: &mut Store,
    run: Run,
    lock: RunLock,
    setup: &Setup,
) -> Result<ExitStatus> {
    watch_over(cx, store, run, lock, setup, |store, finished, run, took| {
        if run.review.is_some() {
            return review::tell_as_ordered(cx, store, run, finished.status);
        }
        let short = store.short(&run.id)?;
        let report = Closing {
            run,
            providers: &store.providers().unwrap_or_default(),
            short: &short,
            resume: &resume_command(store.layout(), run, &short),
            paths: &store.paths(&run.id),
            finished,
            took,
        };
        // Whoever reads may have gone; what became of the run does not depend on that.
        exit::unless_nobody_reads(report.tell(&cx.printer))?;
        Ok(ended::exit_status(finished))
    })
}

/// Carries a run out to its end and shows how it goes; `close` says what came of it.
pub fn watch_over(
    cx: &Context,
    store: &mut Store,
    run: Run,
    lock: RunLock,
    setup: &Setup,
    close: impl FnOnce(&Store, Finished, &Run, Duration) -> Result<ExitStatus>,
) -> Result<ExitStatus> {
    screen::take_over();
    let short = store.short(&run.id)?;
    let (id, printer) = (run.id.clone(), cx.printer);
    if !printer.json {
        let mut agents: Vec<&str> = run
            .tasks
            .iter()
            .map(|task| &task.spec)
            .filter(|spec| spec.is_for_agent())
            .map(TaskSpec::program)
            .collect();
        agents.sort_unstable();
        agents.dedup();
        let agents = if agents.is_empty() { "commands only".into() } else { agents.join(", ") };
        let tasks = words::count(run.tasks.len(), "task");
        let apart = if run.base.is_some() { "  worktrees on" } else { "" };
        printer.tell(&match &run.review {
            Some(order) => format!("review {short}  {}  {agents}\n", clean_text(&order.target.words, 200)),
            None => format!("run {short}  {} team  {tasks}  {agents}{apart}\n", run.team),
        });
    }
    let began = clock::now();
    let inbox = store.paths(&id).inbox();
    let asking = Asking::at_terminal(printer, store.layout(), inbox, setup.person_key.as_deref());
    let notices = Notices::start(&printer, &setup.notices, &id, &short, store.layout());
    let telemetry = Telemetry::start(&printer, &setup.telemetry, store, &run);
    let mut watch =
        Watch { progress: Progress::new(printer, short.clone(), &run), asking, notices, telemetry };
    let layout = store.layout().clone();
    let finished = dispatcher::carry_out(store, run, lock, setup, &mut watch)
        .with_context(|| format!("carry out run {short}"));
    watch.progress.clear();
    if let Err(error) = &finished {
        watch.notices.failed(&id, error);
    }
    let told = finished.and_then(|(finished, run)| close(store, finished, &run, clock::now().since(began)));
    // After what became of the run: that is waited for by somebody.
    watch.notices.finish(&printer, &layout);
    watch.telemetry.finish(&printer, store);
    told
}

/// Passes on to the screen what the dispatcher tells.
struct Watch {
    progress: Progress,
    asking: Option<Asking>,
    notices: Notices,
    telemetry: Telemetry,
}

impl Observer for Watch {
    fn happened(&mut self, run: &Run, event: &Recorded) {
        self.progress.happened(run, event);
        self.notices.happened(run, event, self.asking.is_some());
        self.telemetry.happened(event);
    }

    fn watches(&self) -> bool {
        self.progress.is_live()
    }

    fn tick(&mut self, run: &Run, working: &[Working], providers: &Providers) {
        self.progress.redraw(run, working, providers, clock::now());
    }

    fn uncopied(&mut self, _: &Run, why: &str) {
        self.progress.uncopied(why);
    }

    fn asks(&mut self, run: &Run) -> bool {
        self.asking.as_mut().is_some_and(|asking| asking.go_on(run))
    }
}
