//! `crew explain`: why something is where it is, what proves that, and what to type.

use super::budget::Account;
use super::closing::has_branches;
use super::context::Context;
use super::decide::{find_gate, how_to_decide};
use super::events::detail_of;
use super::exit::{ExitStatus, Problem};
use super::going_on::resume_command;
use super::signs_of_life::SignsOfLife;
use super::standstill::Standstill;
use crate::domain::budget;
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::Recorded;
use crate::domain::explanation::{self, Known};
use crate::domain::gate::{self, About, Gate, GateId};
use crate::domain::id::TaskId;
use crate::domain::merging;
use crate::domain::nearest::nearest;
use crate::domain::provider::Providers;
use crate::domain::request::{Answer, Code};
use crate::domain::requeue::{self, Order, WayBack};
use crate::domain::retry::Retries;
use crate::domain::run::{Run, RunStatus};
use crate::domain::schedule;
use crate::domain::settings::Settings;
use crate::domain::task::{Task, TaskState, Work};
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::layout;
use crate::store::lock;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// The most tasks that are told one by one.
const MAX_TASKS: usize = 20;
/// The most events that are shown to prove something.
const MAX_EVIDENCE: usize = 20;
/// The most tasks whose work does not go together that are told one by one.
const MAX_APART: usize = 4;

/// Say why a run, a task, a gate or an error is where it is, what proves it, and what to type
///
/// `crew explain 7k2` explains a run, `crew explain 7k2 fix` one of its tasks, `crew explain fix` that of the newest run,
/// `crew explain g3` a gate, and `crew explain rate_limited` what such an error means, and which tasks ended with it.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// A run, a task of the newest run, a gate, or a kind of error
    #[arg(value_name = "WHAT")]
    what: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,
}

/// What is said.
struct Said {
    /// What it is about, for programs.
    subject: Value,
    /// The same for people, in a line.
    title: String,
    because: Vec<String>,
    /// Tasks that stand in the way, each with why.
    in_the_way: Vec<(String, String)>,
    /// How many more of them there are.
    more_in_the_way: usize,
    evidence: Vec<Recorded>,
    logs: Vec<String>,
    next: Vec<Step>,
}

/// A command, and what it does.
type Step = (String, String);

fn step(command: impl Into<String>, does: &str) -> Step {
    (command.into(), does.to_owned())
}

/// Explains what is named.
pub fn explain(cx: &Context, args: &ExplainArgs) -> Result<ExitStatus> {
    let ExplainArgs { what, task } = args;
    let kind = ErrorKind::ALL.iter().copied().find(|kind| kind.name() == what && task.is_none());
    let said = match kind {
        Some(kind) => of_kind(cx, kind)?,
        None => of_named(cx, what, task.as_deref())?,
    };
    said.tell(cx)
}

fn of_named(cx: &Context, what: &str, task: Option<&str>) -> Result<Said> {
    let is_gate = what.strip_prefix('g').is_some_and(|number| number.parse::<u64>().is_ok());
    let store = match Store::open_existing(&cx.layout()?)? {
        Some(store) => store,
        None => {
            return Err(suggesting(
                what,
                Problem::refused("no_runs", "there are no runs in this repository"),
                &[],
            )
            .into());
        }
    };
    let named = cx.find_typed(&store, what, task);
    if is_gate && task.is_none() {
        let code = |error: &anyhow::Error| error.downcast_ref::<Problem>().map(|problem| problem.code);
        let is_named = named.as_ref().map_or_else(|error| code(error) == Some("ambiguous_name"), |_| true);
        match find_gate(&store, what) {
            Ok(_) if is_named => {
                let message = format!(
                    "`{what}` is a gate, and a task of the newest run or the beginning of a run's id"
                );
                let hint = format!(
                    "say `last {what}` for the task, or more of the id for the run; crew gates {what} shows the gate"
                );
                return Err(Problem::refused("ambiguous_name", message).hint(hint).into());
            }
            Ok((run, gate)) => {
                let run = store.load_run(&run)?.context("the run is recorded")?;
                return Seen::of(&store, run)?.gate(gate);
            }
            Err(error) if !is_named => return Err(error),
            Err(_) => {}
        }
    }
    let named = named.map_err(|error| match error.downcast::<Problem>() {
        Ok(problem) if task.is_none() && problem.code == "unknown_task" => {
            suggesting(what, problem, &newest(cx, &store)).into()
        }
        Ok(problem) => problem.into(),
        Err(error) => error,
    })?;
    let seen = Seen::of(&store, named.run)?;
    match &named.task {
        Some(task) => seen.task(task),
        None => seen.whole(),
    }
}

fn newest(cx: &Context, store: &Store) -> Vec<String> {
    let newest = cx.find_typed(store, "last", None).ok();
    let tasks = newest.iter().flat_map(|named| &named.run.tasks);
    tasks.map(|task| task.spec.id.to_string()).collect()
}

/// Puts the nearest name into a problem with one that is not known.
fn suggesting(typed: &str, problem: Problem, tasks: &[String]) -> Problem {
    let kinds = ErrorKind::ALL.iter().map(|kind| kind.name());
    let near = nearest(typed, tasks.iter().map(String::as_str).chain(kinds));
    match (near, problem.code) {
        (Some(near), "no_runs") => {
            let message = format!("there is no run, task, gate or kind of error `{typed}`");
            Problem::refused("unknown_task", message).hint(format!("did you mean `{near}`?"))
        }
        (Some(near), _) => {
            let message = format!("there is no run, task, gate or kind of error `{typed}`");
            Problem { message, ..problem }.hint(format!("did you mean `{near}`?"))
        }
        (None, _) => {
            let hint = "crew status lists the runs, crew status RUN its tasks, crew gates what waits for you";
            problem.hint(hint)
        }
    }
}

/// A run as it is now.
struct Seen<'a> {
    store: &'a Store,
    run: Run,
    short: String,
    owned: bool,
    providers: Providers,
    /// What may prove something.
    events: Vec<Recorded>,
    now: crate::domain::time::Time,
}

impl<'a> Seen<'a> {
    fn of(store: &'a Store, run: Run) -> Result<Seen<'a>> {
        let mut events = Vec::new();
        store.each_event(&run.id, 0, usize::MAX, |recorded| {
            if explanation::is_evidence(&recorded.event) {
                events.push(recorded);
            }
            Ok(())
        })?;
        Ok(Seen {
            short: store.short(&run.id)?,
            owned: lock::is_owned(&store.paths(&run.id))?,
            providers: store.providers()?,
            now: clock::now(),
            events,
            store,
            run,
        })
    }

    fn known(&self) -> Known<'_> {
        Known { run: &self.run, owned: self.owned, providers: &self.providers, now: self.now }
    }

    fn task(&self, id: &TaskId) -> Result<Said> {
        let task = self.run.task(id).context("the task is recorded")?;
        let mut because = explanation::of_task(&self.known(), task, &self.events);
        because.extend(self.signs(Some(task)));
        let state = task.state.name();
        let last = task.last().map(|last| format!("   attempt {} of {}", last.number, last.agent));
        let (short, words) = (&self.short, state.replace('_', " "));
        Ok(Said {
            subject: json!({"kind": "task", "run": self.run.id, "task": id, "state": state,
                "error_kind": task.error_kind(), "attempts": task.attempts.len()}),
            title: format!("{short} {id}  {words}{}", last.unwrap_or_default()),
            because,
            in_the_way: Vec::new(),
            more_in_the_way: 0,
            evidence: explanation::evidence(task, &self.events).into_iter().cloned().collect(),
            logs: self.logs(task),
            next: self.next_for(task),
        })
    }

    fn gate(&self, id: GateId) -> Result<Said> {
        let gate = self.run.gate(id).context("the gate is recorded")?;
        let is_it = |recorded: &&Recorded| {
            use crate::domain::event::Event::{GateDecided, GateOpened};
            matches!(&recorded.event, GateOpened { gate, .. } | GateDecided { gate, .. } if *gate == id)
        };
        let state = gate.decided.as_ref().map_or("open", |decided| decided.decision.name());
        let next = match &gate.decided {
            None => self.deciding(gate),
            Some(_) => {
                vec![step(format!("crew explain {} {}", self.short, gate.task), "what became of the task")]
            }
        };
        Ok(Said {
            subject: json!({"kind": "gate", "run": self.run.id, "task": gate.task, "gate": id.to_string(), "state": state}),
            title: format!("{} {} {id}  {}", self.short, gate.task, state.replace('_', " ")),
            because: explanation::of_gate(gate, self.now),
            in_the_way: Vec::new(),
            more_in_the_way: 0,
            evidence: self.events.iter().filter(is_it).cloned().collect(),
            logs: Vec::new(),
            next,
        })
    }

    fn whole(&self) -> Result<Said> {
        let (run, short) = (&self.run, &self.short);
        let status = run.status(self.owned);
        let known = self.known();
        let mut because = explanation::of_run(&known);
        because.extend(self.signs(None));
        because.extend(
            Account::of(run, self.owned, self.now).lines().into_iter().map(|line| format!("{line}.")),
        );
        let tasks = match status {
            RunStatus::Completed => Vec::new(),
            _ => explanation::in_the_way(run),
        };
        let told = tasks
            .iter()
            .take(MAX_TASKS)
            .map(|task| (task.spec.id.to_string(), explanation::in_short(&known, task, &self.events)));
        let of_run = self.events.iter().filter(|recorded| recorded.event.task().is_none()).cloned();
        Ok(Said {
            subject: json!({"kind": "run", "run": run.id, "status": status}),
            title: format!("{short}  {}", status.words()),
            because,
            in_the_way: told.collect(),
            more_in_the_way: tasks.len().saturating_sub(MAX_TASKS),
            evidence: of_run.collect(),
            logs: Vec::new(),
            next: self.next_for_run(status, &tasks),
        })
    }

    /// Returns what is seen beside the record: who is quiet, and who does not answer.
    fn signs(&self, task: Option<&Task>) -> Vec<String> {
        let owner = lock::owner(&self.store.paths(&self.run.id)).filter(|_| self.owned);
        let stands = Standstill::of(&self.run, owner.as_ref()).map(|still| still.words());
        let signs = SignsOfLife::of(self.store, &self.run, owner.as_ref(), self.now);
        let lines = signs.iter().flat_map(|signs| signs.lines(&self.run));
        let is_meant = |line: &String| {
            task.is_none_or(|task| {
                line.starts_with(&format!("{}  ", task.spec.id)) || line.starts_with("at work  ")
            })
        };
        let lines = lines.filter(is_meant).map(|line| line.replace("  ", " "));
        stands.into_iter().chain(lines).map(|line| format!("{line}.")).collect()
    }

    fn logs(&self, task: &Task) -> Vec<String> {
        let Some(last) = task.last() else { return Vec::new() };
        let (paths, id) = (self.store.paths(&self.run.id), &task.spec.id);
        let logs = [last.log.clone(), layout::verification_log_of(id, last.number)];
        let there = logs.into_iter().map(|log| paths.root().join(log)).filter(|log| log.exists());
        there.map(|log| self.store.layout().shown(&log)).collect()
    }

    fn resume(&self) -> String {
        resume_command(self.store.layout(), &self.run, &self.short)
    }

    /// Returns the command by which the run goes on that its own budget has stopped.
    fn larger_budget(&self) -> Option<Step> {
        let account = Account::of(&self.run, self.owned, self.now);
        let larger = account.twice_the_budget(&self.run, &self.resume());
        larger.map(|larger| step(larger, "goes on with a larger budget"))
    }

    /// Returns what is typed to have a task done again, all of which crew would take.
    fn again(&self, task: &Task, more: &str, does: &str) -> Vec<Step> {
        let (run, short) = (&self.run, &self.short);
        let shown = || vec![step(format!("crew show {short} {}", task.spec.id), "what is known of it")];
        let place = run.place(&task.spec.id).unwrap_or_default();
        let ids = match requeue::way_back(run, place) {
            WayBack::Requeue(ids) => ids,
            WayBack::Behind(on) => {
                return vec![step(format!("crew explain {short} {on}"), "what stands in its way")];
            }
            WayBack::None => return shown(),
        };
        let force = Some("asked".to_owned());
        let order = Order { tasks: ids.clone(), force, agent: None, model: None, sent_by: None };
        let larger = match requeue::check(run, &order, self.now) {
            Ok(_) => None,
            Err(Answer::Refused { code: Code::BudgetExceeded, .. }) => match self.larger_budget() {
                None => return shown(),
                larger => larger,
            },
            Err(_) => return shown(),
        };
        let back = |id: &TaskId| {
            let needs_force = run.task(id).is_some_and(requeue::needs_force);
            let force = if needs_force { " --force \"REASON\"" } else { "" };
            match *id == task.spec.id {
                true => step(format!("crew requeue {short} {id}{force}{more}"), does),
                false => step(format!("crew requeue {short} {id}{force}"), "first this, which it depends on"),
            }
        };
        larger.into_iter().chain(ids.iter().map(back)).collect()
    }

    fn next_for(&self, task: &Task) -> Vec<Step> {
        let (run, short, id) = (&self.run, &self.short, &task.spec.id);
        let has_log = !self.logs(task).is_empty();
        let logs = || has_log.then(|| step(format!("crew logs {short} {id}"), "what it printed")).into_iter();
        let resume = || step(self.resume(), "goes on with the run");
        match task.state {
            TaskState::Queued => {
                let place = run.place(id).unwrap_or_default();
                let first = schedule::waits_for(run, place)
                    .into_iter()
                    .find(|on| !on.state.is_settled() && !on.is_unasked());
                let why = first
                    .map(|on| step(format!("crew explain {short} {}", on.spec.id), "why that is not done"));
                let goes = match self.owned {
                    true => step(format!("crew status {short}"), "how far the others are"),
                    false => resume(),
                };
                why.into_iter().chain([goes]).collect()
            }
            TaskState::Running if self.owned => {
                logs().chain([step(format!("crew cancel {short} {id}"), "ends it")]).collect()
            }
            TaskState::Running => [resume()].into_iter().chain(logs()).collect(),
            TaskState::AwaitingInput => {
                let gate = task.waits_for.and_then(|gate| run.gate(gate));
                gate.map(|gate| self.deciding(gate)).unwrap_or_default()
            }
            TaskState::Completed => {
                vec![step(format!("crew show {short} {id}"), "all of its attempts")]
            }
            TaskState::Failed if budget::failed_for_want(task) => match self.larger_budget() {
                Some(larger) => vec![larger],
                // What the workflow itself grants is not more for the next attempt.
                None => logs().chain(self.again(task, "", "does it again")).collect(),
            },
            TaskState::Failed | TaskState::NeedsReview
                if task.error_kind() == Some(ErrorKind::MergeConflict)
                    && !matches!(task.spec.work, Work::Merge { .. }) =>
            {
                self.apart(task)
            }
            TaskState::Failed if task.attempts.is_empty() => self.again(task, "", "does it"),
            TaskState::Failed => logs().chain(self.again(task, "", "does it again")).collect(),
            TaskState::NeedsReview => {
                let may_count = gate::accept(run, id, ("somebody", "")).is_ok();
                let accept =
                    may_count.then(|| step(format!("crew accept {short} {id}"), "lets its work count"));
                let again = self.again(task, " --with-note \"...\"", "has it done again");
                logs().chain(accept).chain(again).collect()
            }
            TaskState::Skipped => match schedule::blockers(run, task).into_iter().last() {
                Some(root) => {
                    vec![step(format!("crew explain {short} {}", root.spec.id), "what it follows from")]
                }
                None => vec![step(format!("crew show {short} {id}"), "what is known of it")],
            },
            TaskState::Cancelled => self.again(task, "", "has it done after all"),
        }
    }

    /// Returns what to look at where the work that a task builds on does not go together: again as it is, it ends the same.
    fn apart(&self, task: &Task) -> Vec<Step> {
        let short = &self.short;
        let has_work = |id: &&TaskId| {
            let on = self.run.task(id);
            on.is_some_and(|on| on.tree.as_ref().is_some_and(|tree| tree.has_work()))
        };
        let mut steps: Vec<Step> = (task.spec.depends_on.iter().filter(has_work).take(MAX_APART))
            .map(|on| step(format!("crew diff {short} {on}"), "what it changed"))
            .collect();
        if has_branches(&self.run) {
            let merge = merging::command(&self.run, short, &[]);
            steps.push(step(
                format!("{merge} --dry-run"),
                "where they do not go together; with --resolve AGENT in its place, one brings them together",
            ));
        }
        steps
    }

    fn next_for_run(&self, status: RunStatus, tasks: &[&Task]) -> Vec<Step> {
        let (run, short) = (&self.run, &self.short);
        let is_open = |gate: &&Gate| !gate.is_overdue(self.now);
        let gate = run.open_gates().find(is_open).or_else(|| run.open_gates().next());
        let open = gate.map(|gate| self.deciding(gate));
        match status {
            RunStatus::AwaitingInput => open.unwrap_or_default(),
            RunStatus::Running => {
                let look = step(format!("crew status {short}"), "how far it is");
                let open = open.unwrap_or_default().into_iter().filter(|step| *step != look);
                open.chain([look.clone()]).collect()
            }
            RunStatus::Interrupted | RunStatus::Queued => vec![step(self.resume(), "goes on with it")],
            RunStatus::Completed if has_branches(run) => {
                vec![
                    step(format!("crew diff {short}"), "what was made"),
                    step(merging::command(run, short, &[]), "brings it back"),
                ]
            }
            RunStatus::Completed => vec![step(format!("crew status {short}"), "what came of it")],
            RunStatus::Failed | RunStatus::NeedsReview | RunStatus::Cancelled => {
                let first = tasks.first();
                let whole = first.map(|task| {
                    step(format!("crew explain {short} {}", task.spec.id), "more of the first one")
                });
                // What stopped all of it counts more than what became of one.
                let all = self.larger_budget().into_iter().chain(whole);
                let mut steps: Vec<Step> = Vec::new();
                for step in all.chain(first.iter().flat_map(|task| self.next_for(task))) {
                    if !steps.contains(&step) {
                        steps.push(step);
                    }
                }
                steps
            }
        }
    }

    /// Returns what to type to decide about a gate, or where its time is over, to go on with what follows from that.
    fn deciding(&self, gate: &Gate) -> Vec<Step> {
        if gate.is_overdue(self.now) && self.owned {
            return vec![step(format!("crew status {}", self.short), "how far it is")];
        }
        if let About::Question { options, .. } = &gate.about
            && !options.is_empty()
            && !gate.is_overdue(self.now)
        {
            return vec![
                step(format!("crew gates {}", gate.id), "shows what there is to choose from"),
                step(format!("crew answer {} 1", gate.id), "takes the first"),
            ];
        }
        let ways = how_to_decide(gate, &self.resume());
        ways.into_iter().map(|(command, does)| step(command, does)).collect()
    }
}

fn of_kind(cx: &Context, kind: ErrorKind) -> Result<Said> {
    let layout = cx.layout().ok();
    let settings = match &layout {
        Some(layout) => cx.settings_or_built_in(layout),
        None => Settings::default(),
    };
    let store = layout.as_ref().map(Store::open_existing).transpose()?.flatten();
    let (evidence, count) =
        store.as_ref().map(|store| store.ended_with(kind, MAX_EVIDENCE)).transpose()?.unwrap_or_default();
    let mut because = explanation::of_kind(kind, &Retries::of(&settings));
    because.push(format!("What helps: {}.", kind.hint()));
    because.push(match count {
        0 => "No task here has ended with it.".to_owned(),
        1 => "It was met once here.".to_owned(),
        many => format!("It was met {many} times here."),
    });
    let newest = store.as_ref().zip(evidence.first());
    let next = newest.and_then(|(store, newest)| {
        let task = newest.event.task()?;
        Some(step(format!("crew explain {} {task}", store.short(&newest.run).ok()?), "the newest of them"))
    });
    Ok(Said {
        subject: json!({"kind": "error_kind", "error_kind": kind, "class": kind.class().name(), "hint": kind.hint(), "count": count}),
        title: format!("{kind}  {}", kind.class().name()),
        because,
        in_the_way: Vec::new(),
        more_in_the_way: 0,
        evidence,
        logs: Vec::new(),
        next: next.into_iter().collect(),
    })
}

impl Said {
    fn tell(&self, cx: &Context) -> Result<ExitStatus> {
        let Said { because, in_the_way, more_in_the_way: more, evidence, logs, next, .. } = self;
        let shown = &evidence[evidence.len().saturating_sub(MAX_EVIDENCE)..];
        if cx.printer.json {
            let mut said = self.subject.clone();
            said["because"] = json!(because);
            let tasks = in_the_way.iter().map(|(task, why)| json!({"task": task, "why": why}));
            said["in_the_way"] = json!(tasks.collect::<Vec<_>>());
            said["more_in_the_way"] = json!(more);
            let events = shown.iter().map(|recorded| {
                json!({"seq": recorded.seq, "at": recorded.at, "run": recorded.run, "kind": recorded.event.kind(),
                    "task": recorded.event.task(), "attempt": recorded.event.attempt(), "words": detail_of(&recorded.event)})
            });
            said["evidence"] = json!(events.collect::<Vec<_>>());
            said["logs"] = json!(logs);
            let steps = next.iter().map(|(command, does)| json!({"command": command, "does": does}));
            said["next"] = json!(steps.collect::<Vec<_>>());
            cx.printer.json(&said)?;
            return Ok(ExitStatus::Done);
        }
        cx.printer.data(&self.title)?;
        because.iter().try_for_each(|sentence| cx.printer.data(&format!("  {sentence}")))?;
        if !in_the_way.is_empty() {
            cx.printer.data("in the way")?;
            in_the_way.iter().try_for_each(|(task, why)| cx.printer.data(&format!("  {task:16}  {why}")))?;
        }
        if *more > 0 {
            cx.printer.data(&format!("  and {more} more"))?;
        }
        if !shown.is_empty() || !logs.is_empty() {
            cx.printer.data("evidence")?;
        }
        for Recorded { seq, at, event, .. } in shown {
            let task = event.task().map_or("-", |task| task.as_str());
            let line = format!("  {seq:>6}  {at}  {:22}  {task:16}  {}", event.kind(), detail_of(event));
            cx.printer.data(line.trim_end())?;
        }
        logs.iter().try_for_each(|log| cx.printer.data(&format!("     log  {log}")))?;
        for (at, (command, does)) in next.iter().enumerate() {
            let word = if at == 0 { "next" } else { "    " };
            cx.printer.tell(&format!("{word}  {command:44}  {does}"));
        }
        Ok(ExitStatus::Done)
    }
}
