//! `crew cancel`: ends what is not to be done any more, and says what was kept of it.

use super::context::Context;
use super::decide::{self, name_of_person};
use super::exit::{ExitStatus, Problem};
use super::going_on::resume_command;
use super::task_attempts::kept_json;
use super::task_names::Named;
use super::telemetry::Telemetry;
use super::{run, typist};
use crate::domain::cancelling;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::{RunId, TaskId};
use crate::domain::person::{PersonAsk, What};
use crate::domain::run::{Run, RunStatus};
use crate::domain::task::{Task, TaskState};
use crate::domain::words::clean_line;
use crate::domain::worktree::reference_of;
use crate::runner::launch::{Limits, Setup};
use crate::runner::{dispatcher, marks, process};
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long an owner may take to answer, beside the grace that it may be busy with.
const TO_ANSWER: Duration = Duration::from_secs(5);
/// How long may be waited for git to keep what was left, after all have ended.
const TO_KEEP: Duration = Duration::from_secs(60);
/// How often the record is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// The most tasks that are named.
const SHOWN_TASKS: usize = 40;

/// End a run or a task for good, with all processes of its agents
///
/// Who is at work is asked to end, and killed after `limits.grace_seconds`; the command returns when that is over. What was
/// changed is kept, and where is said. What has not begun is given up, open gates are closed, and what depends on a
/// cancelled task is skipped. What is settled stays as it is.
///
/// Exit 0: cancelled, now or before; 4: there is nothing to cancel, or the crew process that carries the run out does not
/// answer. A `crew run` that is cancelled ends with 1.
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    /// A run (the beginning of its id, or `last`), a run and one of its tasks (also RUN:TASK), or a task of the newest run
    #[arg(value_name = "RUN|TASK")]
    name: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,

    #[command(flatten)]
    how: How,
}

/// Why something is cancelled and by whom, and how long its end is waited for.
#[derive(Clone, Debug, clap::Args)]
pub struct How {
    /// Why; kept with the record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,

    /// Who cancels it; default: git's user.name, or the user of this account
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    /// How long to wait for the crew process that carries the run out, for its answer and then for the end of all that is
    /// cancelled, beside the grace; default: 5 more than the grace, and then 60
    #[arg(long, value_name = "SECS")]
    wait: Option<u32>,

    /// Kill the crew process that carries the run out where it does not answer, or does not come to an end; nothing that is
    /// recorded is lost
    #[arg(long)]
    force: bool,
}

/// What is to be cancelled.
struct Target {
    run: RunId,
    short: String,
    task: Option<TaskId>,
}

impl Target {
    fn words(&self) -> String {
        match &self.task {
            Some(task) => format!("{} {task}", self.short),
            None => self.short.clone(),
        }
    }

    fn concerns(&self, task: &Task) -> bool {
        self.task.as_ref().is_none_or(|meant| *meant == task.spec.id)
    }

    /// Tells whether nothing of it is open any more.
    fn is_over(&self, run: &Run) -> bool {
        run.tasks.iter().filter(|task| self.concerns(task)).all(|task| task.state.is_settled())
    }
}

/// Cancels a run or a task.
pub fn cancel(cx: &Context, args: &CancelArgs) -> Result<ExitStatus> {
    end(cx, (&args.name, args.task.as_deref()), &args.how)
}

/// Cancels a whole run.
pub fn cancel_run(cx: &Context, run: &RunId, how: &How) -> Result<ExitStatus> {
    end(cx, (run.as_str(), None), how)
}

/// Cancels a run or a task, and returns in a line what came of it.
pub fn cancel_untold(cx: &Context, run: &RunId, task: Option<&TaskId>, reason: &str) -> Result<String> {
    let how = How { reason: reason.to_owned(), by: None, wait: None, force: false };
    let outcome = carry_through(cx, (run.as_str(), task.map(TaskId::as_str)), &how)?;
    outcome.check()?;
    Ok(outcome.in_a_line())
}

fn end(cx: &Context, names: (&str, Option<&str>), args: &How) -> Result<ExitStatus> {
    carry_through(cx, names, args)?.tell(cx)
}

/// Has it recorded, and waits for the end of all that is meant.
fn carry_through(cx: &Context, (name, task): (&str, Option<&str>), args: &How) -> Result<Outcome> {
    let mut store = cx.store()?;
    let layout = store.layout().clone();
    typist::refuse_agents(Some(layout.repository()))?;
    let Named { short, run: before, task } = cx.find_typed(&store, name, task)?;
    let target = Target { run: before.id.clone(), short, task };
    typist::refuse_below(before.dispatcher.as_ref())?;
    if target.is_over(&before) {
        // What there is nothing to cancel of stays so: nobody has to be asked, and nothing has to be written.
        cancelling::cancel(&before, target.task.as_ref(), ("", "")).map_err(Problem::of_refusal)?;
    }
    let settings = cx.settings_or_built_in(&layout);
    let limits = Limits::of(&settings);
    let patience = args.wait.map_or(limits.grace + TO_ANSWER, |seconds| Duration::from_secs(seconds.into()));
    ask(cx, args, &store, &target, &before, patience)?;
    let registry = run::registry(&settings)?;
    let mut setup = run::setup(&layout, &settings, &registry, &store.paths(&target.run));
    setup.person_key = Context::person_key();
    let to_keep = if args.wait.is_some() { patience } else { TO_KEEP.max(patience) };
    let in_time = limits.grace * 2 + limits.drain + to_keep;
    let wait = Wait { setup: &setup, in_time, forces: args.force };
    let run = await_end(cx, &mut store, &target, &before, &wait)?;
    // Who asks again is told again what was kept.
    let since = if target.is_over(&before) { asked_at(&store, &target)? } else { before.last_seq };
    let happened = store.events(&target.run, since, usize::MAX)?;
    let owned = lock::is_owned(&store.paths(&target.run))?;
    Ok(Outcome { target, before, run, happened, owned })
}

/// Has it recorded that a run is not to be done any more, and does not wait for its end.
pub fn because(cx: &Context, store: &Store, run: &RunId, reason: &str) -> Result<()> {
    typist::refuse_agents(Some(store.layout().repository()))?;
    let by = name_of_person(store.layout());
    let wish = PersonAsk { run: run.clone(), by, note: reason.to_owned(), what: What::Cancel { task: None } };
    let short = store.short(run)?;
    let waits = || cx.printer.tell(&format!("waiting for the crew process of {short} to take that in"));
    match decide::ask_within(store, wish, TO_ANSWER, waits)? {
        Some(_) => Ok(()),
        None => Err(Problem::refused("busy", "its crew process does not answer").into()),
    }
}

/// Has the wish recorded, by the owner of the run or in its place.
fn ask(
    cx: &Context,
    args: &How,
    store: &Store,
    target: &Target,
    before: &Run,
    patience: Duration,
) -> Result<()> {
    let by = args.by.clone().unwrap_or_else(|| name_of_person(store.layout()));
    let mut forced = !args.force;
    loop {
        let what = What::Cancel { task: target.task.clone() };
        let wish = PersonAsk { run: target.run.clone(), by: by.clone(), note: args.reason.clone(), what };
        let waits = || cx.printer.tell(&format!("{}; waiting for its answer", who_owns(store, target)));
        match decide::ask_within(store, wish, patience, waits)? {
            Some(_) => return Ok(()),
            None if !forced => {
                forced = true;
                kill_owner(cx, store, target, before, "does not answer")?;
            }
            None => return Err(no_answer(store, target, patience).into()),
        }
    }
}

fn who_owns(store: &Store, target: &Target) -> String {
    let owner = lock::owner(&store.paths(&target.run));
    match owner {
        Some(owner) => match &owner.doing {
            Some(doing) => format!(
                "another crew process is at work on run {}: {} (pid {})",
                target.short,
                clean_line(doing, 200),
                owner.pid
            ),
            None => {
                format!("run {} is carried out by another crew process (pid {})", target.short, owner.pid)
            }
        },
        None => format!("another crew process is at work on run {}", target.short),
    }
}

fn no_answer(store: &Store, target: &Target, patience: Duration) -> Problem {
    let go_on = let_go_on(store, target);
    let why = go_on.as_ref().map(|_| ": it is stopped").unwrap_or_default();
    let message = format!(
        "{}, and does not answer within {}{why}; nothing was cancelled",
        who_owns(store, target),
        words::duration(patience)
    );
    let go_on = go_on.unwrap_or_default();
    Problem::refused("busy", message).hint(format!(
        "{go_on}crew cancel {} --force kills it, {}",
        target.words(),
        what_force_ends(target)
    ))
}

/// Says what else happens when the owner is killed.
fn what_force_ends(target: &Target) -> String {
    match target.task {
        None => "and ends its agents".into(),
        Some(_) => format!(
            "and ends this task; the run's other tasks are interrupted: crew resume {} carries them on",
            target.short
        ),
    }
}

/// Says how an owner goes on that somebody has stopped.
fn let_go_on(store: &Store, target: &Target) -> Option<String> {
    let stopped = lock::owner(&store.paths(&target.run)).filter(|owner| process::is_stopped(owner.pid))?;
    Some(format!("kill -CONT {} lets it go on; ", stopped.pid))
}

/// Kills the crew process that carries the run out. What it recorded is whole, and what it left is ended by whoever comes next.
fn kill_owner(cx: &Context, store: &Store, target: &Target, before: &Run, why: &str) -> Result<()> {
    let paths = store.paths(&target.run);
    if !lock::is_owned(&paths)? {
        return Ok(());
    }
    // It may have been taken over meanwhile.
    let now = store.load_run(&target.run)?;
    let dispatcher = now.as_ref().unwrap_or(before).dispatcher.clone();
    let owner = lock::owner(&paths).filter(|owner| owner.doing.is_none()).map(|owner| owner.pid);
    let Some(process) = dispatcher.filter(|process| owner == Some(process.pid) && process::is_alive(process))
    else {
        let message = format!("{}, which is not one that --force may kill", who_owns(store, target));
        return Err(Problem::refused("busy", message).hint("wait for its end, or end it yourself").into());
    };
    cx.printer.tell(&format!("crew process {} {why}; it is killed", process.pid));
    process::kill(&process);
    // Its lock is free once the last of its threads is gone, and whoever asks may have no patience.
    process::await_left(&process, TO_ANSWER);
    let began = Instant::now();
    while lock::is_owned(&paths)? && began.elapsed() < TO_ANSWER {
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// How long is waited for the end of what is cancelled, and what is done after that.
struct Wait<'a> {
    setup: &'a Setup,
    in_time: Duration,
    /// The owner is killed, once.
    forces: bool,
}

/// Waits until all that is cancelled has ended; where no owner lives who sees to that, it is done here.
fn await_end(cx: &Context, store: &mut Store, target: &Target, before: &Run, wait: &Wait<'_>) -> Result<Run> {
    let &Wait { setup, in_time, mut forces } = wait;
    let mut began = Instant::now();
    let mut run = store.load_run(&target.run)?.context("the run is recorded")?;
    let mut told = false;
    loop {
        let over = target.is_over(&run);
        // One of whom nothing is open any more still has to be ended in the record, unless it was so before.
        let is_news = run.last_seq != before.last_seq;
        if over && (!is_news || ended_after(store, &run, before)?) {
            return Ok(run);
        }
        if let Some(lock) = lock::try_take(&store.paths(&target.run))? {
            let fresh = store.load_run(&target.run)?.context("the run is recorded")?;
            // Its owner may have ended it in the record just before it let go of the lock.
            if target.is_over(&fresh) && ended_after(store, &fresh, before)? {
                return Ok(fresh);
            }
            let mut telemetry = Telemetry::start(&cx.printer, &setup.telemetry, store, &fresh);
            let finished;
            (finished, run) =
                dispatcher::cancelling::close_cancelled(store, fresh, lock, setup, &mut telemetry)?;
            if finished.is_some() {
                telemetry.finish(&cx.printer, store);
            }
            if target.is_over(&run) {
                return Ok(run);
            }
        } else if over && target.task.is_some() {
            // Its owner goes on with the others.
            return Ok(run);
        }
        if began.elapsed() >= in_time && forces {
            forces = false;
            kill_owner(cx, store, target, before, "does not come to an end")?;
            // Its lock is free in a moment.
            began = Instant::now();
        } else if began.elapsed() >= in_time {
            let message = format!(
                "{} is cancelled, and has not ended within {}",
                target.words(),
                words::duration(in_time)
            );
            let hint = format!(
                "crew status {} shows what is still at work; {}crew cancel {} --force kills its crew process too, {}",
                target.short,
                let_go_on(store, target).unwrap_or_default(),
                target.words(),
                what_force_ends(target)
            );
            return Err(Problem::refused("busy", message).hint(hint).into());
        }
        if !told && began.elapsed() >= lock::SIGN_AFTER {
            told = true;
            let running = run.tasks.iter().filter(|task| task.state == TaskState::Running);
            let running = running.filter(|task| target.concerns(task)).count();
            cx.printer.tell(&format!("waiting for {} to end", words::count(running, "task")));
        }
        std::thread::sleep(LOOK);
        if store.last_seq(&target.run)? != run.last_seq {
            run = store.load_run(&target.run)?.context("the run is recorded")?;
        }
    }
}

/// Returns the number of the event by which it was first asked that this is cancelled.
fn asked_at(store: &Store, target: &Target) -> Result<i64> {
    let asks = |event: &Event| match event {
        Event::CancelAsked { task, .. } => task.is_none() || target.task.is_none() || *task == target.task,
        _ => false,
    };
    let events = store.events(&target.run, 0, usize::MAX)?;
    Ok(events.iter().find(|recorded| asks(&recorded.event)).map_or(0, |recorded| recorded.seq))
}

fn ended_after(store: &Store, run: &Run, before: &Run) -> Result<bool> {
    let happened = store.events(&run.id, before.last_seq, usize::MAX)?;
    Ok(happened.last().is_some_and(|last| matches!(last.event, Event::RunEnded { .. })))
}

/// What came of it.
struct Outcome {
    target: Target,
    before: Run,
    run: Run,
    /// Since it was asked for.
    happened: Vec<Recorded>,
    /// A crew process goes on with the run.
    owned: bool,
}

impl Outcome {
    fn is_cancelled(&self, task: &Task) -> bool {
        self.target.concerns(task) && task.state == TaskState::Cancelled
    }

    /// Returns the tasks that have ended since; where all of it was over before, those that were cancelled then.
    fn changed(&self) -> Vec<&Task> {
        let was_before = self.target.is_over(&self.before);
        let pairs = self.before.tasks.iter().zip(&self.run.tasks);
        let is_news = |was: &Task, is: &Task| !was.state.is_settled() && is.state.is_settled();
        let told = pairs.filter(|(was, is)| is_news(was, is) || (was_before && self.is_cancelled(is)));
        told.map(|(_, is)| is).collect()
    }

    /// Refuses what has ended in another way.
    fn check(&self) -> Result<(), Problem> {
        let Outcome { target, run, .. } = self;
        if run.tasks.iter().any(|task| self.is_cancelled(task)) {
            return Ok(());
        }
        let changed = self.changed();
        let states: Vec<&str> =
            changed.iter().filter(|task| target.concerns(task)).map(|task| task.state.name()).collect();
        let message = format!("{} was over before it could be ended: {}", target.words(), states.join(", "));
        Err(Problem::refused("settled", message).hint(format!("crew status {}", target.short)))
    }

    fn in_a_line(&self) -> String {
        let changed = self.changed();
        match changed.as_slice() {
            [task] => {
                let line = self.line_of(task);
                format!("{} {}", self.target.short, line.trim().replacen("  ", ": ", 1).replace("  ", ", "))
            }
            several => format!("{} cancelled: {}", self.target.words(), words::count(several.len(), "task")),
        }
    }

    fn tell(&self, cx: &Context) -> Result<ExitStatus> {
        self.check()?;
        let Outcome { target, before, run, .. } = self;
        let was_before = target.is_over(before);
        let changed = self.changed();
        let status = run.status(self.owned);
        if cx.printer.json {
            let tasks: Vec<Value> = changed.iter().map(|task| self.as_json(task)).collect();
            let json = json!({"run": run.id, "task": target.task, "status": status, "cancelled_before": was_before,
                "tasks": tasks});
            cx.printer.json(&json)?;
            return Ok(ExitStatus::Done);
        }
        let before_words = if was_before { " already" } else { "" };
        let also = match status {
            RunStatus::Failed | RunStatus::NeedsReview if target.task.is_none() => {
                format!("; what had not completed before stays: the run is {}", status.words())
            }
            _ => String::new(),
        };
        cx.printer.data(&format!("{}  cancelled{before_words}{also}", target.words()))?;
        for task in changed.iter().take(SHOWN_TASKS) {
            cx.printer.data(&self.line_of(task))?;
        }
        if changed.len() > SHOWN_TASKS {
            cx.printer.data(&format!("  and {} more", changed.len() - SHOWN_TASKS))?;
        }
        self.tell_next(cx);
        if target.task.is_some() && status == RunStatus::Interrupted {
            self.tell_interrupted(cx)?;
        }
        Ok(ExitStatus::Done)
    }

    /// Returns what was kept of a task's work since it was asked for.
    fn kept<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = &'a Event> {
        let events = self.happened.iter().map(|recorded| &recorded.event);
        events.filter(|event| matches!(event, Event::WorkKept { task: of, .. } if *of == task.spec.id))
    }

    fn line_of(&self, task: &Task) -> String {
        let was = self.before.task(&task.spec.id);
        let state = task.state.name().replace('_', " ");
        let what = match (task.state, was.map(|was| was.state), task.last()) {
            (TaskState::Cancelled, Some(TaskState::Queued), None) => "it had not begun".to_owned(),
            (TaskState::Cancelled, Some(TaskState::AwaitingInput), _) => {
                let gate = was.and_then(|was| was.waits_for).map(|gate| gate.to_string()).unwrap_or_default();
                format!("gate {gate} is closed")
            }
            (TaskState::Cancelled, _, Some(last)) => {
                let took = last.ended_at.map(|at| words::duration(at.since(last.started_at)));
                format!("attempt {} ended after {}", last.number, took.unwrap_or_default())
            }
            _ => clean_line(&task.reason, 160),
        };
        let mut line = format!("  {}  {state}  {what}", task.spec.id);
        for event in self.kept(task) {
            let Event::WorkKept { reference, files, insertions, deletions, .. } = event else { continue };
            let files = words::count(*files as usize, "file");
            line.push_str(&format!("  kept: {files}, +{insertions} -{deletions}, {}", shown(reference)));
        }
        if let Some(why) = task.unkept() {
            line.push_str(&format!("  its work could not be kept: {}", clean_line(why, 160)));
        }
        line.trim_end().to_owned()
    }

    fn as_json(&self, task: &Task) -> Value {
        let kept: Vec<Value> = self.kept(task).filter_map(kept_json).collect();
        json!({"id": task.spec.id, "state": task.state, "reason": task.reason, "attempts": task.attempts.len(),
            "kept": kept, "unkept": task.unkept()})
    }

    /// Says who goes on without anybody who looks after them.
    fn tell_interrupted(&self, cx: &Context) -> Result<()> {
        let layout = cx.layout()?;
        let short = &self.target.short;
        let at_work = |task: &Task| {
            let last = task.last().filter(|last| last.is_open())?;
            let child = last.process.as_ref().filter(|process| process::is_alive(process));
            let marks = marks::of_task(layout.repository(), &self.target.run, &task.spec.id);
            // Its start may not have come into the record.
            let pid = child.map(|child| child.pid).or_else(|| process::given(&marks).first().copied())?;
            Some(format!("{} (pid {pid})", task.spec.id))
        };
        let at_work: Vec<String> = self.run.tasks.iter().filter_map(at_work).collect();
        let still = match at_work.is_empty() {
            true => String::new(),
            false => format!("; still at work without one: {}", at_work.join(", ")),
        };
        cx.printer.tell(&format!("run {short} is interrupted: no crew process carries it out{still}"));
        let resume = resume_command(&layout, &self.run, short);
        cx.printer.tell(&format!("next  {resume}    carries it on"));
        Ok(())
    }

    fn tell_next(&self, cx: &Context) {
        let short = &self.target.short;
        let kept: Vec<(&Task, &str)> = (self.run.tasks.iter())
            .flat_map(|task| self.kept(task).map(move |event| (task, event)))
            .filter_map(|(task, event)| match event {
                Event::WorkKept { reference, .. } => Some((task, reference.as_str())),
                _ => None,
            })
            .collect();
        let on_branch = |(task, reference): &&(&Task, &str)| {
            task.tree.as_ref().is_some_and(|tree| reference_of(&tree.branch) == *reference)
        };
        if let Some((task, _)) = kept.iter().find(on_branch) {
            cx.printer.tell(&format!("next  crew diff {short} {}    what it had changed", task.spec.id));
        }
        if let Some((task, _)) = kept.iter().find(|one| !on_branch(one)) {
            cx.printer
                .tell(&format!("next  crew restore {short}/{}    brings back what was kept", task.spec.id));
        }
    }
}

/// Returns a reference as people name it: a branch by its name.
fn shown(reference: &str) -> String {
    match reference.strip_prefix("refs/heads/") {
        Some(branch) => format!("branch {branch}"),
        None => reference.to_owned(),
    }
}
