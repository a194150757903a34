//! `crew resume`: go on with a run that was interrupted.

use super::base;
use super::budget::{self, Account, BudgetArgs};
use super::context::{Context, refuse_contradictions};
use super::detached::{self, Told};
use super::ended;
use super::exit::{ExitStatus, Problem};
use super::going_on::{self, resume_command, resume_with_trust};
use super::import;
use super::run;
use super::telemetry::Telemetry;
use super::typist;
use super::waiting::WaitArgs;
use crate::agents::registry::Registry;
use crate::agents::replay;
use crate::domain::budget::Limits;
use crate::domain::id::RunId;
use crate::domain::run::{Run, RunStatus};
use crate::runner::clock;
use crate::runner::dispatcher;
use crate::runner::launch::Setup;
use crate::store::database::{Applied, Store};
use crate::store::layout::Layout;
use crate::store::lock::{self, RunLock};
use crate::workspace::git::Git;
use anyhow::{Context as _, Result};

/// Go on with an interrupted run
///
/// Finished tasks are not run again. What its dead owner left running is ended first.
///
/// A run that failed because a budget was used up goes on with another one: --max-cost, --max-tokens, --max-time, or
/// --set budget.KEY=VALUE.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// Run to go on with: the beginning of its id, or `last`
    run: String,

    #[command(flatten)]
    budget: BudgetArgs,

    /// Set a setting for the rest of this run
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Trust this repository's files for the rest of this run; and the run itself, where it came by crew import
    #[arg(long)]
    trust_project: bool,

    /// Return as soon as it is at work again, and let a process of its own carry it out
    #[arg(long)]
    detach: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

impl ResumeArgs {
    /// Asks for going on with a run at once.
    pub fn of_run(run: &str, budget: BudgetArgs, set: &[String], trust_project: bool) -> ResumeArgs {
        let (run, set, wait) = (run.to_owned(), set.to_owned(), WaitArgs::default());
        ResumeArgs { run, budget, set, trust_project, detach: false, wait }
    }

    /// Lets a process of its own go on with it, where that is wanted.
    pub fn detached(self, detach: bool) -> ResumeArgs {
        ResumeArgs { detach, ..self }
    }
}

/// Goes on with a run for which a person has just decided something.
pub fn go_on(cx: &Context, run: &str) -> Result<ExitStatus> {
    resume(cx, &ResumeArgs::of_run(run, BudgetArgs::default(), &[], false))
}

/// Closes a run whose last open task a person has just settled.
pub fn close(cx: &Context, layout: &Layout, id: &RunId) -> Result<()> {
    let mut store = Store::open(layout).context("open the store")?;
    let paths = store.paths(id);
    let Some(lock) = lock::try_take(&paths)? else { return Ok(()) };
    let run = store.load_run(id)?.context("the run is recorded")?;
    if run.tasks.iter().any(|task| !task.state.is_settled()) {
        // What nobody has asked for so far may be asked for by what was decided.
        let short = store.short(id)?;
        going_on::refuse_untrusted(layout, &run, &short, false, &resume_with_trust(&short))?;
    }
    let settings = cx.settings(layout, &[], cx.trusts(layout)?)?;
    let mut setup = run::setup(layout, &settings, &run::registry(&settings)?, &paths);
    setup.person_key = Context::person_key();
    let mut telemetry = Telemetry::start(&cx.printer, &setup.telemetry, &store, &run);
    dispatcher::carry_out(&mut store, run, lock, &setup, &mut telemetry)?;
    telemetry.finish(&cx.printer, &mut store);
    Ok(())
}

/// Goes on with a run whose outcome somebody else tells.
pub fn go_on_untold(cx: &Context, run: &str) -> Result<ExitStatus> {
    let Ready { mut store, run, lock, setup } =
        take_up(cx, &ResumeArgs::of_run(run, BudgetArgs::default(), &[], false))?;
    run::watch_over(cx, &mut store, run, lock, &setup, |_, finished, _, _| Ok(ended::exit_status(finished)))
}

/// A run that is ours, ready to be gone on with.
struct Ready {
    store: Store,
    run: Run,
    lock: RunLock,
    setup: Setup,
}

/// Goes on with a run.
pub fn resume(cx: &Context, args: &ResumeArgs) -> Result<ExitStatus> {
    let Ready { mut store, run, lock, setup } = take_up(cx, args)?;
    if args.detach {
        let told = Told { sets: &args.set, trust_project: args.trust_project, recordings: Vec::new() };
        return detached::start(cx, &store, &run, lock, &told);
    }
    run::carry_out(cx, &mut store, run, lock, &setup)
}

/// Takes a run over, and checks that it can go on.
fn take_up(cx: &Context, args: &ResumeArgs) -> Result<Ready> {
    cx.store()?;
    let layout = cx.layout()?;
    // With other settings, what waits for a person would wait no more.
    typist::refuse_agents(Some(layout.repository()))?;
    let trusted = args.trust_project || cx.trusts(&layout)?;
    refuse_record_of_strangers(&layout, trusted)?;
    let mut store = Store::open(&layout).context("open the store")?;
    let id = cx.find_run(&store, &args.run)?;
    let short = store.short(&id)?;
    let paths = store.paths(&id);
    let lock = cx.take_lock(&store, &id, args.wait)?;
    let mut loaded = store.load_run(&id)?.context("the run is recorded")?;
    going_on::refuse_untrusted(&layout, &loaded, &short, args.trust_project, &resume_with_trust(&short))?;
    import::refuse_altered(&loaded, &short)?;
    let settings = cx.settings(&layout, &args.set, trusted)?;
    refuse_contradictions(&settings)?;
    if loaded.base.is_some() {
        base::refuse_folder(&layout, &settings)?;
    }
    let wanted = args.budget.of_resumed_run(&loaded, &settings, &args.set);
    let changes = match wanted == loaded.limits.budget {
        true => Vec::new(),
        false => budget::raise(&loaded, wanted, clock::now())?,
    };
    let status = match changes.len() {
        // Beside the change itself, tasks go back to the queue.
        2.. => RunStatus::Interrupted,
        _ => loaded.status(false),
    };
    if !status.goes_on() {
        return Err(refusal(&loaded, &short, &resume_command(&layout, &loaded, &short), wanted).into());
    }
    if let Some(set) = args.set.iter().find(|set| set.starts_with("vars.")) {
        let message =
            format!("`--set {set}` comes too late: a run keeps the variables that it was made with");
        return Err(Problem::usage("too_late", message).into());
    }
    let registry = run::registry(&settings)?;
    let applied: Result<Vec<Applied>, _> =
        changes.into_iter().map(|event| Applied::to(&mut loaded, clock::now(), event)).collect();
    let applied = applied?;
    refuse_missing_agents(&loaded, &registry)?;
    store.append(&mut loaded, applied, &[]).context("record the budget")?;
    let mut setup = run::setup(&layout, &settings, &registry, &paths);
    setup.person_key = Context::person_key();
    Ok(Ready { store, run: loaded, lock, setup })
}

/// Says why a settled run does not go on by `resume`, with the budget that is wanted for it.
fn refusal(run: &Run, short: &str, resume: &str, wanted: Limits) -> Problem {
    let mut with_it = run.clone();
    with_it.limits.budget = wanted;
    let account = Account::of(&with_it, false, run.last_at);
    let status = run.status(false).words();
    match account.another_budget(run, resume) {
        Some(command) => {
            let budget = account.used_up().map(|budget| budget.to_string()).unwrap_or_default();
            let problem = Problem::refused("budget_exceeded", format!("run {short} is {status}: {budget}"));
            problem.hint(format!("{command}    goes on with a larger budget"))
        }
        None => {
            let message = format!("run {short} is not interrupted, it is {status}");
            Problem::refused("not_interrupted", message).hint(format!("crew status {short}"))
        }
    }
}

/// A record that came with a clone names commands of whoever made it. Ours is ignored by git, so one that git tracks is
/// a stranger's.
fn refuse_record_of_strangers(layout: &Layout, trusted: bool) -> Result<()> {
    let tracked = Git::at(layout.repository()).text(&["ls-files", "--", ".crew/crew.db"]);
    if trusted || tracked.is_ok_and(|names| names.is_empty()) {
        return Ok(());
    }
    let problem =
        Problem::refused("untrusted", "this record came with the repository: git tracks .crew/crew.db");
    Err(problem.hint("look at what would run (crew status last --json), then: crew trust").into())
}

/// Says before anything is taken over that an agent is missing; a task that is left would fail for good.
fn refuse_missing_agents(run: &Run, registry: &Registry) -> Result<()> {
    let open = run.tasks.iter().filter(|task| !task.state.is_settled() && task.spec.is_for_agent());
    for program in open.map(|task| task.spec.program()) {
        if registry.installed(program).is_none() {
            let problem =
                Problem::usage("agent_not_found", format!("the agent `{program}` of this run is not here"));
            let hint = match program {
                replay::NAME => "a replay is not resumed: start it again with crew run GOAL --replay DIR",
                _ => "install it, or set it up as it was; for a project's agent: --trust-project",
            };
            return Err(problem.hint(hint).into());
        }
    }
    Ok(())
}
