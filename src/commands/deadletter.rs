//! `crew deadletter`: the tasks that were given up, over all runs of the repository.

use super::context::Context;
use super::decide::{self, Who};
use super::exit::{ExitStatus, Problem};
use super::requeue::{self, RequeueArgs};
use crate::domain::dead_letter::{self, Fate, Filed, Why};
use crate::domain::id::{RunId, TaskId};
use crate::domain::person::What;
use crate::domain::requeue as task_requeue;
use crate::domain::words::{clean_line, clean_text};
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::HashMap;

/// See to the tasks that were given up
///
/// A task is a dead letter when it was tried as often as it may be and failed, when its agent showed no sign of life again
/// and again, or when somebody says so. It stays in its state; nothing is ever taken out of the record. More than three
/// within an hour are told once, on the screen of the run whose task was the last of them.
#[derive(Debug, clap::Args)]
pub struct DeadletterArgs {
    #[command(subcommand)]
    what: Command,
}

#[derive(Debug, clap::Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Command {
    List(ListArgs),
    Show(ShowArgs),
    /// Have the task of a dead letter done again: the same as crew requeue
    Requeue(RequeueArgs),
    Add(AddArgs),
    Drop(DropArgs),
}

/// List dead letters of all runs, newest first
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only those of this run: the beginning of its id, or `last`
    run: Option<String>,

    /// List those too that were requeued, accepted or dropped
    #[arg(long)]
    all: bool,

    /// How many to list
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// Show a dead letter with the last error and the end of the log
#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Task of the newest run, or run and task (also RUN:TASK)
    #[arg(value_name = "RUN|TASK")]
    name: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,
}

/// Give a task up that is over and not done
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Task of the newest run, or run and task (also RUN:TASK)
    #[arg(value_name = "RUN|TASK")]
    name: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,

    /// Why; kept with it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,

    #[command(flatten)]
    who: Who,
}

/// Take a dead letter off the list, without doing its task again
#[derive(Debug, clap::Args)]
struct DropArgs {
    /// Task of the newest run, or run and task (also RUN:TASK)
    #[arg(value_name = "RUN|TASK")]
    name: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,

    /// Why nobody has to see it any more; kept in the record
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    who: Who,
}

/// Lists, shows and changes dead letters.
pub fn deadletter(cx: &Context, args: &DeadletterArgs) -> Result<ExitStatus> {
    match &args.what {
        Command::List(args) => list(cx, args),
        Command::Show(args) => show(cx, args),
        Command::Requeue(args) => requeue::requeue(cx, args),
        Command::Add(AddArgs { name, task, reason, who }) => {
            change(cx, (name, task.as_deref()), (who, reason), |task| What::GiveUp { task })
        }
        Command::Drop(DropArgs { name, task, reason, who }) => {
            change(cx, (name, task.as_deref()), (who, reason), |task| What::DropDeadLetter { task })
        }
    }
}

fn list(cx: &Context, args: &ListArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let (mut found, mut shorts, mut gone) = (Vec::new(), HashMap::new(), 0);
    if let Some(store) = Store::open_existing(&layout)? {
        let run = args.run.as_ref().map(|run| cx.find_run(&store, run)).transpose()?;
        found = dead_letter::filed(store.dead_letter_events()?);
        found.retain(|filed| args.all || filed.fate == Fate::Standing);
        if args.all && run.is_none() {
            gone = store.tombstones("", usize::MAX)?.iter().map(|stone| stone.dead_letters).sum::<u64>();
        }
        found.retain(|filed| run.as_ref().is_none_or(|run| *run == filed.run));
        for filed in &found {
            if !shorts.contains_key(&filed.run) {
                shorts.insert(filed.run.clone(), store.short(&filed.run)?);
            }
        }
    }
    let total = found.len();
    let shown: Vec<&Filed> = found.iter().rev().take(args.limit).collect();
    if cx.printer.json {
        let data: Vec<Value> = shown.iter().map(|filed| filed_json(filed, false)).collect();
        cx.printer
            .json(&json!({"data": data, "meta": {"count": data.len(), "total": total, "pruned": gone}}))?;
        return Ok(ExitStatus::Done);
    }
    if gone > 0 {
        let left = words::count(gone as usize, "dead letter");
        cx.printer.tell(&format!("{left} more, of runs that were pruned: crew status --pruned"));
    }
    if shown.is_empty() {
        cx.printer.tell(if args.all { "there are no dead letters" } else { "no task is given up" });
        return Ok(ExitStatus::Done);
    }
    cx.printer.data(&table(&shown, &shorts, args.all).render(&cx.printer))?;
    if total > shown.len() {
        let left = words::count(total - shown.len(), "older one");
        let run = args.run.as_ref().map(|run| format!(" {run}")).unwrap_or_default();
        let all = if args.all { " --all" } else { "" };
        cx.printer.tell(&format!("{left}: crew deadletter list{run}{all} -n {total}"));
    }
    if let Some(first) = shown.iter().find(|filed| filed.fate == Fate::Standing) {
        let name = format!("{} {}", shorts.get(&first.run).cloned().unwrap_or_default(), first.task);
        let ends = what_ends_it(cx, first, &name)?;
        cx.printer.tell(&format!("next  crew deadletter show {name}    {ends}"));
    }
    Ok(ExitStatus::Done)
}

/// Returns the command that ends a letter, as it is to be typed: where its agent was only found to be quiet, its task is still
/// being worked on; and what was wrong in itself is done again only for a reason.
fn what_ends_it(cx: &Context, filed: &Filed, name: &str) -> Result<String> {
    // What is known of the letter itself is told also where the record of its run cannot be read.
    let run = cx.store()?.load_run(&filed.run).unwrap_or_default();
    Ok(match run.as_ref().and_then(|run| run.task(&filed.task)) {
        Some(task) if !task.state.is_settled() => format!("crew cancel {name}"),
        Some(task) if task_requeue::needs_force(task) => format!("crew requeue {name} --force \"REASON\""),
        _ => format!("crew requeue {name}"),
    })
}

/// Lays dead letters out, a line each; with `fates`, what became of them too.
fn table(shown: &[&Filed], shorts: &HashMap<RunId, String>, fates: bool) -> Rows {
    let mut columns = vec![
        ("run", Column::Left),
        ("task", Column::Left),
        ("attempt", Column::Right),
        ("age", Column::Right),
        ("why", Column::Left),
    ];
    columns.extend(fates.then_some(("now", Column::Left)));
    columns.push(("", Column::Wide));
    let mut rows = Rows::new(&columns);
    let now = clock::now();
    for filed in shown {
        let Filed { run, task, letter, fate, .. } = filed;
        let plain = |text: String| (text, Tone::Plain);
        let mut cells = vec![
            plain(shorts.get(run).cloned().unwrap_or_default()),
            plain(task.to_string()),
            plain(letter.attempt.to_string()),
            plain(words::duration(now.since(letter.at))),
            (letter.why.words().to_owned(), Tone::Bad),
        ];
        cells.extend(fates.then(|| plain(fate.name().to_owned())));
        cells.push(plain(clean_line(&said_of(filed), 200)));
        rows.add(cells);
    }
    rows
}

/// Returns what a line has room for: what a person said, or else the error.
fn said_of(filed: &Filed) -> String {
    let Filed { letter, .. } = filed;
    match (letter.why, letter.note.as_str()) {
        (Why::ByHand, "") => format!("{}; {}", letter.by, letter.last_error),
        (_, "") => letter.last_error.clone(),
        (_, note) => format!("{}: {note}", letter.by),
    }
}

fn filed_json(filed: &Filed, with_tail: bool) -> Value {
    let Filed { run, task, letter, fate, ended } = filed;
    let ended = ended.as_ref().map(|(at, by, said)| json!({"at": at, "by": by, "said": said}));
    let mut json = json!({
        "run": run, "task": task, "attempt": letter.attempt, "why": letter.why, "by": letter.by, "at": letter.at,
        "note": letter.note, "last_error": letter.last_error, "fate": fate, "ended": ended,
    });
    if with_tail {
        json["tail"] = json!(letter.tail);
    }
    json
}

/// Finds the newest dead letter of a task.
fn newest_of(store: &Store, run: &RunId, task: &TaskId) -> Result<Option<Filed>> {
    let all = dead_letter::filed(store.dead_letter_events()?);
    Ok(all.into_iter().rfind(|filed| filed.run == *run && filed.task == *task))
}

fn show(cx: &Context, args: &ShowArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let named = cx.find_typed(&store, &args.name, args.task.as_deref())?;
    let (short, task) = (&named.short, named.one_task()?);
    let Some(filed) = newest_of(&store, &named.run.id, task)? else {
        let problem =
            Problem::refused("no_dead_letter", format!("task {task} of run {short} is no dead letter"));
        return Err(problem.hint("crew deadletter list --all shows all that there were").into());
    };
    if cx.printer.json {
        cx.printer.json(&filed_json(&filed, true))?;
        return Ok(ExitStatus::Done);
    }
    let letter = &filed.letter;
    let age = words::duration(clock::now().since(letter.at));
    let why = cx.printer.tint(Tone::Bad, letter.why.words());
    cx.printer.data(&format!("{short} {task}  {why}  by {} {age} ago", clean_line(&letter.by, 100)))?;
    if letter.attempt > 0 {
        cx.printer.data(&format!("  attempt {}  {}", letter.attempt, clean_line(&letter.last_error, 400)))?;
    }
    if !letter.note.is_empty() {
        cx.printer.data(&format!("  note       {}", clean_line(&letter.note, 400)))?;
    }
    if let Some((at, by, said)) = &filed.ended {
        let ago = words::duration(clock::now().since(*at));
        let said = clean_line(said, 400);
        cx.printer.data(&format!(
            "  now        {} by {} {ago} ago  {said}",
            filed.fate.name(),
            clean_line(by, 100)
        ))?;
    }
    if !letter.tail.is_empty() {
        cx.printer.data("\nthe end of its log")?;
        let tail = clean_text(letter.tail.trim_end(), dead_letter::MAX_TAIL);
        cx.printer.data(&format!("  {}", tail.replace('\n', "\n  ")))?;
    }
    if filed.fate == Fate::Standing {
        let ends = what_ends_it(cx, &filed, &format!("{short} {task}"))?;
        cx.printer.tell(&format!("\nnext  {ends}    crew logs {short} {task}"));
        cx.printer.tell(&format!("      crew deadletter drop {short} {task} --reason \"...\""));
    }
    Ok(ExitStatus::Done)
}

/// Hands over what a person says about a dead letter, and tells what came of it.
fn change(
    cx: &Context,
    (name, task): (&str, Option<&str>),
    who: (&Who, &str),
    what: impl FnOnce(TaskId) -> What,
) -> Result<ExitStatus> {
    let store = cx.store()?;
    let named = cx.find_typed(&store, name, task)?;
    let (id, task) = (named.run.id.clone(), named.one_task()?);
    decide::ask(&store, &id, who, what(task.clone()))?;
    let filed = newest_of(&store, &id, task)?;
    if cx.printer.json {
        cx.printer.json(&json!(filed.as_ref().map(|filed| filed_json(filed, false))))?;
        return Ok(ExitStatus::Done);
    }
    if let Some(filed) = &filed {
        let word = match filed.fate {
            Fate::Standing => "given up",
            fate => fate.name(),
        };
        cx.printer.data(&format!("{} {task}  {word}", named.short))?;
    }
    if lock::is_owned(&store.paths(&id))? {
        cx.printer.tell("its run goes on");
    }
    Ok(ExitStatus::Done)
}
