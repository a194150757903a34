//! `crew approve`, `crew reject`, `crew answer`, `crew accept`: what only a person may decide.

use super::closing;
use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::going_on::resume_command;
use super::resume;
use super::submit::{self, Place};
use super::typist;
use crate::domain::gate::{Decision, Gate, GateId};
use crate::domain::id::{RunId, TaskId};
use crate::domain::person::{self, PersonAsk, What};
use crate::domain::request::Answer;
use crate::domain::run::Run;
use crate::domain::task::TaskState;
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::store::lock;
use crate::ui::words;
use crate::workspace::git::Git;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::time::Duration;

/// Who says something, and how long they wait for an answer.
#[derive(Clone, Debug, clap::Args)]
pub struct Who {
    /// Who says so; default: git's user.name, or the user of this account
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,

    /// How long to wait for an answer of the crew process that carries the run out
    #[arg(long, value_name = "SECS", default_value_t = TO_ANSWER, hide_default_value = true)]
    pub wait: u64,
}

/// Seconds in which an answer comes, where nobody says how long to wait for it.
const TO_ANSWER: u64 = 60;

impl Who {
    /// Whoever this account belongs to, with the usual patience.
    pub fn of_this_account() -> Who {
        Who { by: None, wait: TO_ANSWER }
    }
}

/// Who decides, and what they have to say.
#[derive(Clone, Debug, clap::Args)]
struct Word {
    #[command(flatten)]
    who: Who,

    /// What there is to say about it; kept with the decision
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
}

impl Word {
    fn said(&self) -> (&Who, &str) {
        (&self.who, &self.note)
    }
}

/// Let a task go on that waits for you
///
/// Approves what a gate is about: the start of a task, its plan, or its result. The first decision about a gate stands.
#[derive(Debug, clap::Args)]
pub struct ApproveArgs {
    /// Gate to decide, as `crew gates` names it
    gate: String,

    #[command(flatten)]
    word: Word,

    /// Go on with the run at once
    #[arg(long)]
    resume: bool,
}

/// Refuse what waits for you, or send it back
///
/// The task fails with `gate_rejected`. With --send-back its agent works on it again, and is told the note.
#[derive(Debug, clap::Args)]
pub struct RejectArgs {
    /// Gate to decide, as `crew gates` names it
    gate: String,

    #[command(flatten)]
    word: Word,

    /// Let the agent work on it again; --note says what is to be done
    #[arg(long)]
    send_back: bool,

    /// Go on with the run at once
    #[arg(long)]
    resume: bool,
}

/// Answer a question of an agent
#[derive(Debug, clap::Args)]
pub struct AnswerArgs {
    /// Gate of the question, as `crew gates` names it
    gate: String,

    /// The answer: the number of one of the options, or words
    #[arg(allow_hyphen_values = true)]
    answer: String,

    #[command(flatten)]
    who: Who,

    /// Go on with the run at once
    #[arg(long)]
    resume: bool,
}

/// Let the work of a task count that needs review
///
/// You take it upon you that it is good. What was skipped because of it can be done then.
#[derive(Debug, clap::Args)]
pub struct AcceptArgs {
    /// Run and task; without a run, the newest one
    #[arg(value_name = "RUN|TASK")]
    name: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,

    #[command(flatten)]
    word: Word,

    /// Go on with the run at once
    #[arg(long)]
    resume: bool,
}

/// Approves what a gate is about.
pub fn approve(cx: &Context, args: &ApproveArgs) -> Result<ExitStatus> {
    decide(cx, &args.gate, Decision::Approved, args.word.said(), args.resume)
}

/// Rejects what a gate is about, or sends it back.
pub fn reject(cx: &Context, args: &RejectArgs) -> Result<ExitStatus> {
    let decision = if args.send_back { Decision::SentBack } else { Decision::Rejected };
    decide(cx, &args.gate, decision, args.word.said(), args.resume)
}

/// Answers a question.
pub fn answer(cx: &Context, args: &AnswerArgs) -> Result<ExitStatus> {
    decide(cx, &args.gate, Decision::Answered { answer: args.answer.clone() }, (&args.who, ""), args.resume)
}

/// Accepts the work of a task that needs review.
pub fn accept(cx: &Context, args: &AcceptArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let (run, task) = match &args.task {
        Some(task) => (args.name.as_str(), task),
        None => ("last", &args.name),
    };
    let id = cx.find_run(&store, run)?;
    let task = TaskId::parse(task)
        .ok_or_else(|| Problem::refused("unknown_task", format!("`{task}` is no task")))?;
    hand_over(cx, &store, &id, args.word.said(), What::Accept { task }, args.resume)
}

fn decide(
    cx: &Context,
    gate: &str,
    decision: Decision,
    who: (&Who, &str),
    resume: bool,
) -> Result<ExitStatus> {
    let store = cx.store()?;
    let (run, gate) = find_gate(&store, gate)?;
    hand_over(cx, &store, &run, who, What::Decide { gate, decision }, resume)
}

/// Finds the run of a gate.
pub fn find_gate(store: &Store, typed: &str) -> Result<(RunId, GateId)> {
    let unknown = || {
        Problem::refused("unknown_gate", format!("there is no gate `{typed}`"))
            .hint("crew gates lists those that wait")
    };
    let gate = GateId::parse(typed).ok_or_else(unknown)?;
    let run = store.run_of_gate(gate)?.ok_or_else(unknown)?;
    Ok((run, gate))
}

/// Hands a decision to the owner of the run, or takes it where the run has none, and says what follows.
fn hand_over(
    cx: &Context,
    store: &Store,
    id: &RunId,
    who: (&Who, &str),
    what: What,
    go_on: bool,
) -> Result<ExitStatus> {
    let task = ask(store, id, who, what)?;
    let short = store.short(id)?;
    let run = store.load_run(id)?.context("the run is recorded")?;
    let owned = lock::is_owned(&store.paths(id))?;
    let open = goes_on(&run);
    if !(cx.printer.json && go_on && open && !owned) {
        // Else the run's own end is the one object that is printed.
        tell(cx, store, &run, &short, &task, owned)?;
    }
    match owned {
        true => Ok(ExitStatus::Done),
        false if go_on && open => resume::go_on(cx, &short),
        false if open => Ok(ExitStatus::Done),
        // It was the last that was open: what is said of the run at its end has to be said anew.
        false => resume::close(cx, store.layout(), id).map(|()| ExitStatus::Done),
    }
}

/// Hands what a person asks to the owner of the run, or settles it where the run has none. Returns the task that it is
/// about.
pub fn ask(store: &Store, id: &RunId, (who, note): (&Who, &str), what: What) -> Result<String> {
    let by = who.by.clone().unwrap_or_else(|| name_of_person(store.layout()));
    let ask = PersonAsk { run: id.clone(), by, note: note.to_owned(), what };
    let answered = ask_within(store, ask, Duration::from_secs(who.wait), || {})?;
    answered.ok_or_else(|| {
        let message = format!("its owner did not answer within {} seconds; nothing was decided", who.wait);
        let hint = "crew status shows whether it still works; --wait SECS waits longer";
        Problem::refused("busy", message).hint(hint).into()
    })
}

/// Does the same; `None` where no answer came in time. `waits` is called once, where it takes a second or more.
pub fn ask_within(
    store: &Store,
    ask: PersonAsk,
    patience: Duration,
    waits: impl FnOnce(),
) -> Result<Option<String>> {
    let layout = store.layout();
    typist::refuse_agents(Some(layout.repository()))?;
    typist::refuse_below(store.load_run(&ask.run)?.and_then(|run| run.dispatcher).as_ref())?;
    let key = Context::person_key().ok_or_else(|| {
        Problem::usage("no_home", "there is no folder for your configuration, so nobody knows that it is you")
            .hint("set HOME or XDG_CONFIG_HOME")
    })?;
    let place = Place::of_run(layout, &ask.run);
    let request = person::request(clock::new_token(), &key, ask);
    match submit::ask_as_person(&place, &request, patience, waits)? {
        Some(Answer::Accepted { task, .. }) => Ok(Some(task)),
        Some(refused) => Err(Problem::of_refusal(refused).into()),
        None => Ok(None),
    }
}

/// Tells whether something is left to be done; what waits until it is asked for is not.
pub fn goes_on(run: &Run) -> bool {
    run.tasks.iter().any(|task| !task.state.is_settled() && !task.is_unasked())
}

fn tell(cx: &Context, store: &Store, run: &Run, short: &str, task: &str, owned: bool) -> Result<()> {
    let state = TaskId::parse(task).and_then(|task| run.task(&task)).map(|task| task.state);
    let state = state.unwrap_or(TaskState::Queued);
    if cx.printer.json {
        let status = run.status(owned);
        cx.printer.json(&json!({"run": run.id, "task": task, "state": state, "status": status}))?;
        return Ok(());
    }
    let words = state.name().replace('_', " ");
    cx.printer.data(&format!("{short} {task}  {words}"))?;
    let open = run.open_gates().count();
    let queued = open == 0 && goes_on(run);
    if owned {
        cx.printer.tell("the run goes on with it");
    } else if open > 0 {
        cx.printer.tell(&format!("next  crew gates {short}    {} still open", words::count(open, "gate")));
    } else if queued {
        cx.printer.tell(&format!("next  {}", resume_command(store.layout(), run, short)));
    } else if let Some(next) = closing::bring_back(run, short) {
        cx.printer.tell(&next);
    }
    Ok(())
}

/// Returns the name of whoever types: git's, or that of the account.
pub fn name_of_person(layout: &Layout) -> String {
    let git = Git::at(layout.repository()).text(&["config", "user.name"]).ok();
    let account = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok();
    let known = |name: &String| !name.trim().is_empty();
    git.filter(known).or_else(account).filter(known).unwrap_or_else(|| "somebody".into())
}

/// Returns what to type to decide about a gate, with what that does. `resume` goes on with its run, which is all that is
/// left where its time is over.
pub fn how_to_decide(gate: &Gate, resume: &str) -> Vec<(String, &'static str)> {
    use crate::domain::gate::About;
    if gate.is_overdue(clock::now()) {
        return vec![(resume.to_owned(), "its time is over: goes on with what follows")];
    }
    let id = gate.id;
    match gate.about {
        About::Question { .. } => vec![(format!("crew answer {id} TEXT"), "answer it")],
        About::Start { .. } => {
            vec![(format!("crew approve {id}"), "let it start"), (format!("crew reject {id}"), "it fails")]
        }
        About::Plan { .. } => vec![
            (format!("crew gates {id}"), "read the plan"),
            (format!("crew approve {id}"), "let it go by that plan"),
            (format!("crew reject {id} --send-back --note ..."), "have it changed"),
        ],
        About::Result { .. } => vec![
            (format!("crew gates {id}"), "look at it"),
            (format!("crew approve {id}"), "it is done"),
            (format!("crew reject {id} --send-back --note ..."), "have it changed"),
        ],
    }
}
