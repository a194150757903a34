//! `crew status`: where runs stand.

use super::budget::Account;
use super::clashes;
use super::closing::{bring_back, do_again, task_table, tasks_json, waiting_lines};
use super::context::Context;
use super::cut_off;
use super::exit::ExitStatus;
use super::going_on;
use super::pruned;
use super::signs_of_life::SignsOfLife;
use super::standstill::Standstill;
use crate::domain::id::RunId;
use crate::domain::run::{Run, RunStatus};
use crate::domain::submission::Note;
use crate::domain::task::{Task, TaskState};
use crate::domain::words::clean_line;
use crate::runner::branch_work;
use crate::runner::clock;
use crate::runner::process;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::store::lock;
use crate::store::queries::RunRow;
use crate::ui::printer::{Tone, status_tone};
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use crate::workspace::task_work::git_of;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// What is said where nothing was ever done.
const NO_RUNS: &str = "no runs yet: crew run \"GOAL\" makes one";

/// Show where runs stand
///
/// Without a run, the newest ones are listed. The state is derived from the record when it is asked for.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Run to show: the beginning of its id, or `last`
    run: Option<String>,

    /// How many runs to list
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: usize,

    /// List the runs that were pruned, and what stays known of them
    #[arg(long, conflicts_with = "run")]
    pruned: bool,
}

/// Shows one run or lists the newest.
pub fn status(cx: &Context, args: &StatusArgs) -> Result<ExitStatus> {
    match &args.run {
        Some(run) => match pruned::find(&cx.store()?, run)? {
            Some(stone) => pruned::show(cx, &stone),
            None => show_run(cx, run),
        },
        None if args.pruned => pruned::list(cx, args.limit),
        None => list_runs(cx, args.limit),
    }
}

fn list_runs(cx: &Context, limit: usize) -> Result<ExitStatus> {
    let layout: Layout = cx.layout()?;
    let Some(store) = Store::open_existing(&layout)? else {
        if cx.printer.json {
            cx.printer.json(&json!({"data": [], "meta": {"count": 0, "total": 0}}))?;
        } else {
            cx.printer.tell(NO_RUNS);
        }
        return Ok(ExitStatus::Done);
    };
    let runs = store.runs(limit)?;
    let total = store.run_count()?;
    if cx.printer.json {
        let data =
            runs.iter().map(|row| Ok(run_json(row, store.status(row)?))).collect::<Result<Vec<Value>>>()?;
        cx.printer.json(&json!({"data": data, "meta": {"count": runs.len(), "total": total,
            "pruned": store.pruned_count()?}}))?;
        return Ok(ExitStatus::Done);
    }
    let mut rows = Rows::new(&[
        ("run", Column::Left),
        ("state", Column::Left),
        ("tasks", Column::Right),
        ("age", Column::Right),
        ("team", Column::Left),
        ("goal", Column::Wide),
    ]);
    for row in &runs {
        let status = store.status(row)?;
        rows.add(vec![
            (store.short(&row.id)?, Tone::Plain),
            (status.words().to_owned(), status_tone(status)),
            (format!("{}/{}", row.counts.settled(), row.counts.total()), Tone::Plain),
            (words::duration(clock::now().since(row.created_at)), Tone::Plain),
            (row.team.clone(), Tone::Plain),
            (clean_line(&row.goal, 100), Tone::Plain),
        ]);
    }
    let gone = store.pruned_count()?;
    match (total, gone) {
        (0, 0) => cx.printer.tell(NO_RUNS),
        // A head of columns alone says nothing.
        (0, _) => {}
        _ => cx.printer.data(&rows.render(&cx.printer))?,
    }
    for row in runs.iter().filter(|row| row.is_open()) {
        tell_standstill(cx, &store, row)?;
    }
    if total > runs.len() {
        cx.printer
            .tell(&format!("{} older: crew status -n {total}", words::count(total - runs.len(), "run")));
    }
    if gone > 0 {
        cx.printer.tell(&format!("{gone} pruned: crew status --pruned"));
    }
    cut_off::tell(&cx.printer, &layout);
    Ok(ExitStatus::Done)
}

/// Says where the crew process of a run is stopped.
fn tell_standstill(cx: &Context, store: &Store, row: &RunRow) -> Result<()> {
    let paths = store.paths(&row.id);
    // Most are not: the record is only read of one that may be.
    let owner = lock::owner(&paths).filter(|owner| process::is_stopped(owner.pid));
    let Some(owner) = owner.filter(|_| lock::is_owned(&paths).unwrap_or(false)) else { return Ok(()) };
    let Some(run) = store.load_run(&row.id)? else { return Ok(()) };
    if let Some(standstill) = Standstill::of(&run, Some(&owner)) {
        cx.printer.tell(&format!("{}  {}", store.short(&row.id)?, standstill.words()));
    }
    Ok(())
}

fn run_json(row: &RunRow, status: RunStatus) -> Value {
    json!({
        "id": row.id, "status": status, "goal": row.goal, "team": row.team, "workflow": row.workflow,
        "created_at": row.created_at, "ended_at": row.ended_at,
        "tasks": row.counts.total(), "settled": row.counts.settled(),
    })
}

fn show_run(cx: &Context, typed: &str) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = cx.find_run(&store, typed)?;
    let short = store.short(&id)?;
    let mut run = store.load_run(&id)?.context("the run is recorded")?;
    see_what_was_merged(&store, &mut run);
    store.heartbeat(&id)?.iter().for_each(|heartbeat| run.note_told(heartbeat));
    let owned = lock::is_owned(&store.paths(&id))?;
    let status = run.status(owned);
    let account = Account::of(&run, owned, clock::now());
    // Nobody works on a run that nobody owns.
    let now = if owned { clock::now() } else { run.last_at };
    let at_work = lock::owner(&store.paths(&id)).filter(|_| owned);
    let signs = SignsOfLife::of(&store, &run, at_work.as_ref(), clock::now());
    let providers = store.providers()?;
    let standstill = Standstill::of(&run, at_work.as_ref());
    let left = if status == RunStatus::Interrupted { left_running(&store, &id) } else { Vec::new() };
    if cx.printer.json {
        let mut json = json!({
            "id": run.id, "status": status, "goal": run.goal, "team": run.team, "workflow": run.workflow,
            "created_at": run.created_at, "ended_at": run.ended_at, "limits": run.limits,
            "usage": account.bill.usage, "tasks": tasks_json(&run, &providers, &account, now),
        });
        account.put_into(&mut json);
        if let Some(imported) = &run.imported {
            json["imported"] = json!(imported);
        }
        clashes::put_into(&mut json, &run);
        if let Some(owner) = &at_work {
            json["at_work"] = json!({"pid": owner.pid, "since": owner.since, "doing": owner.doing,
                "stopped": standstill.is_some()});
        }
        if let Some(signs) = &signs {
            signs.put_into(&mut json, &run);
        }
        if status == RunStatus::Interrupted {
            json["left_running"] = json!(left);
        }
        cx.printer.json(&json)?;
        return Ok(ExitStatus::Done);
    }
    let head = format!("{short}  {}", cx.printer.tint(status_tone(status), status.words()));
    cx.printer.data(&format!("{head}   \"{}\"\n", clean_line(&run.goal, 200)))?;
    cx.printer.data(&task_table(&run, &providers, now).render(&cx.printer))?;
    if let Some(imported) = &run.imported {
        cx.printer.data(&format!("imported {}", clean_line(&imported.words(), 300)))?;
    }
    account.lines().iter().try_for_each(|line| cx.printer.data(line))?;
    clashes::lines(&run).iter().try_for_each(|line| cx.printer.data(line))?;
    if let Some((owner, doing)) = at_work.as_ref().and_then(|owner| Some((owner, owner.doing.as_ref()?))) {
        let since = words::duration(clock::now().since(owner.since));
        cx.printer.data(&format!("at work  {}, for {since} (pid {})", clean_line(doing, 200), owner.pid))?;
    }
    if let Some(standstill) = &standstill {
        cx.printer.data(&format!("at work  {}", standstill.words()))?;
    }
    signs.iter().flat_map(|signs| signs.lines(&run)).try_for_each(|line| cx.printer.data(&line))?;
    if !left.is_empty() {
        let pids: Vec<String> = left.iter().map(u32::to_string).collect();
        let are = match left.len() {
            1 => "1 process of it is".to_owned(),
            many => format!("{many} processes of it are"),
        };
        let pids = pids.join(", ");
        cx.printer.tell(&format!("{are} still at work (pid {pids}): crew cancel {short} ends all of it"));
    }
    let untrusted = !going_on::trusts_run(store.layout(), &run)?;
    let resume = going_on::resume_command(store.layout(), &run, &short);
    explain(&run, &short, &resume, status, &account).iter().for_each(|line| cx.printer.tell(line));
    if untrusted && !matches!(status, RunStatus::Completed | RunStatus::Cancelled) {
        cx.printer.tell(&format!(
            "it was not made here: crew export {short} --format json shows what would run, --trust-project lets it"
        ));
    }
    cut_off::tell(&cx.printer, store.layout());
    Ok(ExitStatus::Done)
}

/// Returns the processes that were started for a run, and that its crew process has left behind.
fn left_running(store: &Store, run: &RunId) -> Vec<u32> {
    let all = process::started_for(store.layout().repository()).into_iter();
    all.filter(|(pid, of)| of == run.as_str() && !process::is_below(*pid)).map(|(pid, _)| pid).collect()
}

/// Takes in that somebody has merged work by hand. It is recorded by whoever holds the run's lock; where git cannot say, what
/// is recorded is shown.
fn see_what_was_merged(store: &Store, run: &mut Run) {
    let Some(into) = run.base.as_ref().and_then(|base| base.branch.clone()) else { return };
    let at = run.last_at;
    for event in
        branch_work::merged_by_hand(&git_of(store.layout().repository()), run, &into).unwrap_or_default()
    {
        // Nothing has changed where it is illegal.
        let _ = run.apply(at, &event);
    }
}

/// The most hypotheses of one task that are shown.
const SHOWN_HYPOTHESES: usize = 3;

/// Returns what the newest attempt of a task last took for true.
fn hypotheses(task: &Task) -> Vec<String> {
    let notes = task.last().into_iter().flat_map(|attempt| &attempt.notes);
    let said: Vec<&Note> = notes.filter(|note| matches!(note, Note::Hypothesis(_))).collect();
    let newest = said.iter().skip(said.len().saturating_sub(SHOWN_HYPOTHESES));
    newest.map(|note| format!("{}  hypothesis: {}", task.spec.id, clean_line(&note.words(), 200))).collect()
}

/// Says what is worth knowing beside the table, and what to type next.
fn explain(run: &Run, short: &str, resume: &str, status: RunStatus, account: &Account) -> Vec<String> {
    let mut lines: Vec<String> = run.tasks.iter().flat_map(hypotheses).collect();
    for task in
        run.tasks.iter().filter(|task| matches!(task.state, TaskState::Failed | TaskState::NeedsReview))
    {
        if let Some(kind) = task.gate_error {
            lines.push(format!("{}  {kind}; {}", task.spec.id, kind.hint()));
            continue;
        }
        let Some(attempt) = task.last() else { continue };
        if let Some(kind) = attempt.error_kind {
            lines.push(format!(
                "{}  attempt {} of {}: {kind}; {}",
                task.spec.id,
                attempt.number,
                attempt.agent,
                kind.hint()
            ));
        } else if !attempt.summary.is_empty() {
            lines.push(format!("{}  it said \"{}\"", task.spec.id, clean_line(&attempt.summary, 160)));
        }
    }
    match status {
        RunStatus::AwaitingInput | RunStatus::Running => lines.extend(waiting_lines(run, resume)),
        RunStatus::Interrupted => lines.push(format!("next  {resume}")),
        RunStatus::Failed | RunStatus::NeedsReview => {
            if let Some(command) = account.another_budget(run, resume) {
                lines.push(format!("next  {command}    goes on with a larger budget"));
            }
            lines.extend(bring_back(run, short));
            lines.extend(do_again(run, short));
            lines.push(format!("next  crew logs {short}    crew events {short}"))
        }
        RunStatus::Completed | RunStatus::Cancelled => lines.extend(bring_back(run, short)),
        RunStatus::Queued => lines.push(format!("next  {resume}    carries on what is queued")),
    }
    lines
}
