//! `crew requeue`: have a task done again that is over and did not do.

use super::context::Context;
use super::decide::{self, Who};
use super::exit::{ExitStatus, Problem};
use super::going_on::resume_command;
use super::resume;
use super::run;
use super::task_names::Named;
use crate::agents::replay;
use crate::domain::budget::Ledger;
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::{RunId, TaskId};
use crate::domain::person::What;
use crate::domain::request::{Answer, Code};
use crate::domain::requeue::{self, Order};
use crate::domain::retry::{self, Retries};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::words::clean_line;
use crate::runner::{clock, left_at_work};
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Have a task done again that failed, needs review, was cancelled or was skipped
///
/// What was skipped because of it comes back with it, and its retries are counted anew. Its next attempt begins where its
/// own worktree stands, which is kept before; in the folder that all share, from what is there.
///
/// Where the error goes away by itself or after a repair (rate_limited, auth_failed, attempt_timeout ...), no more is
/// needed. Where the work itself was wrong (verify_failed, no_change, unsafe_path ...), --force says why it is worth it.
///
/// A run alone means its only task that failed, needs review or was cancelled; with --failed, all that failed. What needs
/// review is then left alone: somebody may still accept it. All go back, or none.
#[derive(Debug, clap::Args)]
pub struct RequeueArgs {
    /// Task of the newest run; run and task (also RUN:TASK); or a run
    #[arg(value_name = "RUN|TASK")]
    name: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,

    /// All tasks of the run that failed
    #[arg(long)]
    failed: bool,

    /// What its agent is told when it works on it again; kept with the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    with_note: String,

    /// Agent that works on it from now on, with that agent's own model unless --model names one
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,

    /// Model that its agent works with from now on
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// Why it is worth another attempt although its work was wrong; kept with the record
    #[arg(long, value_name = "REASON")]
    force: Option<String>,

    /// Show what would become of it, by itself and by this command, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    who: Who,

    /// Go on with the run at once
    #[arg(long)]
    resume: bool,
}

/// Puts tasks back to the queue.
pub fn requeue(cx: &Context, args: &RequeueArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let named = cx.find_typed(&store, &args.name, args.task.as_deref())?;
    let order = Order {
        tasks: meant(&named, args.failed)?,
        force: args.force.clone(),
        agent: args.agent.clone(),
        model: args.model.clone(),
        sent_by: None,
    };
    requeue::check_note(&args.with_note).map_err(Problem::of_refusal)?;
    if args.dry_run {
        return preview(cx, &store, &named, &order);
    }
    let requeued = put_back(cx, &store, &named, order, (&args.who, &args.with_note))?;
    let owned = lock::is_owned(&store.paths(&named.run.id))?;
    let goes_on = args.resume && !owned;
    if !(cx.printer.json && goes_on) {
        // Else the run's own end is the one object that is printed.
        let requeued = requeued.iter().filter_map(|recorded| match &recorded.event {
            Event::TaskRequeued { task, reason, .. } => Some((task, reason.as_str())),
            _ => None,
        });
        tell(cx, &store, &named, &requeued.collect::<Vec<_>>(), owned)?;
    }
    match goes_on {
        true => resume::go_on(cx, &named.short),
        false => Ok(ExitStatus::Done),
    }
}

/// Puts a task back to the queue as it is, without a word about it. `force` says why, where it needs a reason.
pub fn requeue_untold(
    cx: &Context,
    run: &RunId,
    task: &TaskId,
    note: &str,
    force: Option<&str>,
) -> Result<()> {
    let store = cx.store()?;
    let named = cx.find_typed(&store, run.as_str(), Some(task.as_str()))?;
    requeue::check_note(note).map_err(Problem::of_refusal)?;
    let order = Order {
        tasks: vec![task.clone()],
        force: force.map(str::to_owned),
        agent: None,
        model: None,
        sent_by: None,
    };
    put_back(cx, &store, &named, order, (&Who::of_this_account(), note)).map(drop)
}

/// Has it recorded, and returns what has happened since.
fn put_back(
    cx: &Context,
    store: &Store,
    named: &Named,
    order: Order,
    who: (&Who, &str),
) -> Result<Vec<Recorded>> {
    // What is refused is refused for what it is, and not for an agent that is missing.
    requeue::check(&named.run, &order, clock::now())
        .map_err(|refused| told(store, named, &order, refused))?;
    refuse_unfit_agents(cx, store, named, &order)?;
    let id = named.run.id.clone();
    decide::ask(store, &id, who, What::Requeue(Box::new(order)))?;
    Ok(store.events(&id, named.run.last_seq, usize::MAX)?)
}

/// Says what to do about a task that is at work, which depends on whether somebody still looks after it.
fn told(store: &Store, named: &Named, order: &Order, refused: Answer) -> Problem {
    let is_busy = matches!(refused, Answer::Refused { code: Code::Busy, .. });
    let problem = Problem::of_refusal(refused);
    let running = |id: &&TaskId| named.run.task(id).is_some_and(|task| task.state == TaskState::Running);
    let Some(task) = order.tasks.iter().find(running).filter(|_| is_busy) else { return problem };
    let cancel = format!("crew cancel {} {task}", named.short);
    match lock::is_owned(&store.paths(&named.run.id)) {
        Ok(false) => {
            let resume = resume_command(store.layout(), &named.run, &named.short);
            problem.hint(format!("its crew process is gone: {resume} takes it up, {cancel} gives it up"))
        }
        _ => problem.hint(format!("wait until it ends, or {cancel} stops it")),
    }
}

/// Returns the tasks that are meant.
fn meant(named: &Named, failed: bool) -> Result<Vec<TaskId>, Problem> {
    let Named { short, run, task } = named;
    match (task, failed) {
        (Some(_), true) => {
            let problem =
                Problem::usage("usage", "--failed means all tasks of a run that failed, and one is named");
            return Err(problem.hint(format!("crew requeue {short} --failed")));
        }
        (Some(task), false) => return Ok(vec![task.clone()]),
        (None, _) => {}
    }
    let candidates = requeue::candidates(run, failed);
    let ids = || candidates.iter().map(|task| task.spec.id.clone()).collect();
    match candidates.as_slice() {
        [] if failed => {
            let problem =
                Problem::refused(Code::NotFailed.name(), format!("no task of run {short} is failed"));
            Err(problem.hint(format!("crew status {short} shows how they stand")))
        }
        [] => {
            let message = format!("no task of run {short} is failed, needs review or was cancelled");
            let problem = Problem::refused(Code::NotFailed.name(), message);
            Err(problem.hint(format!("crew status {short} shows how they stand")))
        }
        [_] => Ok(ids()),
        _ if failed => Ok(ids()),
        several => {
            let shown: Vec<String> =
                several.iter().map(|task| format!("{} ({})", task.spec.id, task.state)).collect();
            let message = format!("run {short} has several that can be done again: {}", shown.join(", "));
            let mut hint = format!("name one, such as: crew requeue {short} {}", several[0].spec.id);
            if several.iter().any(|task| task.state == TaskState::Failed) {
                hint.push_str(&format!("; or all that failed: crew requeue {short} --failed"));
            }
            Err(Problem::refused("ambiguous_task", message).hint(hint))
        }
    }
}

/// Refuses agents that are not here, or that cannot do what they would be given.
fn refuse_unfit_agents(cx: &Context, store: &Store, named: &Named, order: &Order) -> Result<()> {
    let layout = store.layout();
    let settings = cx.settings(layout, &[], cx.trusts(layout)?)?;
    let registry = run::registry(&settings)?;
    if let Some(name) = order.agent.as_ref().filter(|name| registry.get(name).is_none()) {
        let problem = super::plan::unknown("agent", name, registry.all().keys());
        return Err(Problem { exit: ExitStatus::Usage, ..problem }.into());
    }
    let mut changed = named.run.clone();
    let events =
        requeue::requeue(&named.run, order, ("somebody", ""), clock::now()).map_err(Problem::of_refusal)?;
    for event in &events {
        changed.apply(clock::now(), event)?;
    }
    let open = changed.tasks.iter().filter(|task| order.tasks.contains(&task.spec.id));
    for task in open.filter(|task| task.spec.is_for_agent()) {
        let program = task.spec.program();
        if registry.installed(program).is_none() {
            let hint = match program {
                replay::NAME => {
                    "a replay is started again with crew run GOAL --replay DIR; --agent NAME lets another agent do it"
                }
                _ => "install it, or choose another with --agent",
            };
            let problem = Problem::usage(
                "agent_not_found",
                format!("the agent `{program}` of {} is not here", task.spec.id),
            );
            return Err(problem.hint(hint).into());
        }
    }
    if order.agent.is_some() || order.model.is_some() {
        let paths = store.paths(&changed.id);
        let setup = run::setup(layout, &settings, &registry, &paths);
        let caveats = run::refuse_what_agents_cannot(&changed, &setup, &paths, &order.tasks)?;
        caveats.iter().for_each(|caveat| cx.printer.tell(caveat));
    }
    Ok(())
}

fn tell(cx: &Context, store: &Store, named: &Named, requeued: &[(&TaskId, &str)], owned: bool) -> Result<()> {
    let short = &named.short;
    if cx.printer.json {
        let run = store.load_run(&named.run.id)?.context("the run is recorded")?;
        let tasks: Vec<Value> = requeued
            .iter()
            .map(|(task, reason)| {
                json!({"task": task, "state": run.task(task).map(|task| task.state), "reason": reason})
            })
            .collect();
        cx.printer.json(&json!({"run": run.id, "status": run.status(owned), "requeued": tasks}))?;
        return Ok(());
    }
    for (task, reason) in requeued {
        cx.printer.data(&format!("{short} {task}  queued  {}", clean_line(reason, 200)))?;
    }
    match owned {
        true => cx.printer.tell("the run goes on with it"),
        false => cx.printer.tell(&format!("next  {}", resume_command(store.layout(), &named.run, short))),
    }
    Ok(())
}

/// What is said of a task beforehand.
struct Verdict<'a> {
    task: &'a Task,
    /// Whether it is tried again by itself, why, and in how many attempts in all; none where nothing failed that could be.
    automatic: Option<(bool, &'static str, u32)>,
    manual: Result<(), Answer>,
    attempts: u32,
}

/// Says what would become of it, by itself and by this command.
fn preview(cx: &Context, store: &Store, named: &Named, order: &Order) -> Result<ExitStatus> {
    let layout = store.layout();
    let settings = cx.settings(layout, &[], cx.trusts(layout)?)?;
    let retries = Retries::of(&settings);
    let run = &named.run;
    let places: Vec<usize> = order.tasks.iter().filter_map(|task| run.place(task)).collect();
    let verdicts: Vec<Verdict> =
        places.iter().map(|place| verdict(layout.repository(), (run, *place), order, &retries)).collect();
    let all_go = verdicts.iter().all(|verdict| verdict.manual.is_ok());
    if all_go {
        refuse_unfit_agents(cx, store, named, order)?;
    }
    let back = requeue::comes_back(run, &places);
    let back: Vec<&TaskId> = back.iter().map(|place| &run.tasks[*place].spec.id).collect();
    let owned = lock::is_owned(&store.paths(&run.id))?;
    if cx.printer.json {
        let tasks: Vec<Value> = verdicts.iter().map(|verdict| verdict_json(verdict, order)).collect();
        cx.printer.json(&json!({
            "run": run.id, "dry_run": true, "at_work": owned, "tasks": tasks, "comes_back": back,
            "would_requeue": all_go,
        }))?;
        return Ok(ExitStatus::Done);
    }
    let mut rows = Rows::new(&[
        ("task", Column::Left),
        ("state", Column::Left),
        ("error", Column::Left),
        ("class", Column::Left),
        ("by itself", Column::Left),
        ("by you", Column::Wide),
    ]);
    for verdict in &verdicts {
        rows.add(verdict_row(verdict, order));
    }
    cx.printer.data(&rows.render(&cx.printer))?;
    if all_go && !back.is_empty() {
        let names: Vec<&str> = back.iter().map(|task| task.as_str()).collect();
        cx.printer.data(&format!("comes back with it: {}", names.join(", ")))?;
    }
    if owned && all_go {
        cx.printer.tell("a crew process is at work on the run, and would take it up");
    }
    cx.printer.tell("dry run: nothing is changed");
    Ok(ExitStatus::Done)
}

fn verdict<'a>(
    repository: &Path,
    (run, place): (&'a Run, usize),
    order: &Order,
    retries: &Retries,
) -> Verdict<'a> {
    let task = &run.tasks[place];
    let attempts = retry::attempts_counted(task);
    let kind = task.error_kind().filter(|_| task.state == TaskState::Failed);
    let confidence = task.last().and_then(|last| last.confidence);
    let used_up = Ledger::of(run).used_up(place, &task.spec, run.last_at);
    let automatic = kind.map(|kind| {
        let backoff = task.spec.backoff_millis.map(Duration::from_millis);
        let policy = retries.policy(kind, task.spec.retries, backoff);
        let (retry, reason) = retry::should_retry(attempts, kind, confidence, &policy);
        match &used_up {
            Some(_) if retry => (false, ErrorKind::BudgetExceeded.name(), policy.max_attempts),
            _ => (retry, reason.name(), policy.max_attempts),
        }
    });
    let manual = requeue::check_one(run, place, order, clock::now())
        .and_then(|()| left_at_work::refuse_beside(repository, run, task, order.force.is_some()));
    Verdict { task, automatic, manual, attempts }
}

fn verdict_json(verdict: &Verdict<'_>, order: &Order) -> Value {
    let Verdict { task, automatic, manual, attempts } = verdict;
    let error = requeue::error_of(task);
    let automatic = automatic.map(|(retry, reason, most)| {
        json!({"retry": retry, "reason": reason, "attempts": attempts, "max_attempts": most})
    });
    let (code, message) = match manual {
        Err(Answer::Refused { code, message, .. }) => (Some(*code), Some(message)),
        _ => (None, None),
    };
    json!({
        "task": task.spec.id, "state": task.state, "error_kind": error.map(|(kind, _)| kind),
        "class": error.map(|(_, class)| class.name()), "automatic": automatic,
        "manual": {
            "allowed": manual.is_ok(), "needs_force": requeue::needs_force(task),
            "forced": order.force.is_some(), "busy": code == Some(Code::Busy), "code": code, "why": message,
        },
    })
}

fn verdict_row(verdict: &Verdict<'_>, order: &Order) -> Vec<(String, Tone)> {
    let Verdict { task, automatic, manual, attempts } = verdict;
    let error = requeue::error_of(task);
    let by_itself = match automatic {
        Some((true, reason, _)) => format!("yes ({reason})"),
        Some((false, reason, most)) => {
            let of = words::count(*most as usize, "attempt");
            format!("no ({reason}; {attempts} of {of})")
        }
        None => "-".to_owned(),
    };
    let (by_you, tone) = match manual {
        Ok(()) if requeue::needs_force(task) => {
            let reason = order.force.clone().unwrap_or_default();
            (format!("yes, forced: {}", clean_line(&reason, 100)), Tone::Attention)
        }
        Ok(()) => ("yes".to_owned(), Tone::Good),
        Err(Answer::Refused { code, message, .. }) => (format!("no ({}): {message}", code.name()), Tone::Bad),
        Err(Answer::Accepted { .. }) => (String::new(), Tone::Plain),
    };
    let plain = |text: &str| (text.to_owned(), Tone::Plain);
    vec![
        plain(task.spec.id.as_str()),
        plain(&task.state.name().replace('_', " ")),
        plain(error.map_or("-", |(kind, _)| kind.name())),
        plain(error.map_or("-", |(_, class)| class.name())),
        plain(&by_itself),
        (by_you, tone),
    ]
}
