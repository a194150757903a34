//! `crew wait`: wait for the end of runs.

use super::context::Context;
use super::ended;
use super::exit::ExitStatus;
use super::going_on::resume_command;
use super::standstill::Watch;
use crate::domain::id::RunId;
use crate::domain::run::{Run, RunStatus};
use crate::domain::time::read_duration;
use crate::runner::dispatcher::Finished;
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often it is asked whether a run has an owner.
const LOOK: Duration = Duration::from_millis(50);

/// Wait until runs have ended
///
/// Ends as soon as nobody carries them out any more, with the exit code of the run: 0 completed; 1 failed, needs review or
/// cancelled; 3 waits for you, because nothing goes on by itself; 130 interrupted. Of several, the worst counts: 1 before 130
/// before 3. 124: the time was over first.
#[derive(Debug, clap::Args)]
pub struct AwaitArgs {
    /// Runs to wait for: the beginning of an id, or `last`
    #[arg(required = true)]
    runs: Vec<String>,

    /// Give up after this time: 90s, 10m, 2h
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    timeout: Option<Duration>,
}

/// Reads a time: `90s`, `10m`, `2h`, or seconds.
fn read_time(text: &str) -> Result<Duration, String> {
    let read = read_duration(text, &["s", "m", "h"]);
    read.ok_or_else(|| "write seconds, or a number with s, m or h: 90s, 10m, 2h".into())
}

/// Waits for all of the runs.
pub fn wait(cx: &Context, args: &AwaitArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let mut runs: Vec<RunId> = Vec::new();
    for typed in &args.runs {
        let run = cx.find_run(&store, typed)?;
        if !runs.contains(&run) {
            runs.push(run);
        }
    }
    let ended = await_all(cx, args.timeout, &store, &runs)?;
    let left: Vec<&RunId> = runs.iter().filter(|run| ended.iter().all(|(id, ..)| id != *run)).collect();
    let exits = ended.iter().map(|(.., exit)| *exit);
    let worst = exits.max_by_key(|exit| rank(*exit)).unwrap_or(ExitStatus::Done);
    let worst = if left.is_empty() { worst } else { ExitStatus::TimedOut };
    if cx.printer.json {
        let told = |run: &RunId| match ended.iter().find(|(id, ..)| id == run) {
            Some((_, end, exit)) => json!({"run": run, "status": end.status, "exit": *exit as u8}),
            // A crew process holds it: else it would have ended.
            None => json!({"run": run, "status": RunStatus::Running, "exit": null}),
        };
        let data: Vec<Value> = runs.iter().map(told).collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": data.len(), "waited_for": runs.len(),
            "timed_out": !left.is_empty()}}))?;
    } else if !left.is_empty() {
        let shorts = left.iter().map(|run| store.short(run)).collect::<Result<Vec<_>, _>>()?;
        let count = words::count(left.len(), "run");
        cx.printer.tell(&format!("{count} still at work: {}", shorts.join(", ")));
    }
    Ok(worst)
}

/// Waits for the end of one run that another process carries out, and tells nothing of it but that it is waited for.
pub fn for_one(cx: &Context, store: &Store, id: &RunId) -> Result<Finished> {
    let mut watch = Watch::default();
    while lock::is_owned(&store.paths(id))? {
        watch.look(store, id)?.iter().for_each(|news| cx.printer.tell(news));
        std::thread::sleep(LOOK);
    }
    let run = store.load_run(id)?.context("the run is recorded")?;
    ended::finished(store, &run)
}

/// Waits for runs, and tells of each as it ends. Returns those that have ended, in the order in which they were named:
/// all, or those that had when the time was over.
fn await_all(
    cx: &Context,
    timeout: Option<Duration>,
    store: &Store,
    runs: &[RunId],
) -> Result<Vec<(RunId, Finished, ExitStatus)>> {
    let began = Instant::now();
    let mut told = false;
    let mut watches: Vec<Watch> = runs.iter().map(|_| Watch::default()).collect();
    let mut ended: Vec<Option<(Finished, ExitStatus)>> = vec![None; runs.len()];
    loop {
        // Read before they are looked at: what has ended within the time counts.
        let waited = began.elapsed();
        let open = runs.iter().zip(&mut ended).zip(&mut watches).filter(|((_, end), _)| end.is_none());
        for ((id, end), watch) in open {
            if lock::is_owned(&store.paths(id))? {
                watch.look(store, id)?.iter().for_each(|news| cx.printer.tell(news));
            } else {
                let run = store.load_run(id)?.context("the run is recorded")?;
                let finished = ended::finished(store, &run)?;
                tell(cx, store, &run, finished)?;
                *end = Some((finished, ended::exit_of(cx, store, &run, finished)?));
            }
        }
        let open = ended.iter().position(Option::is_none);
        let is_over = timeout.is_some_and(|timeout| waited >= timeout);
        let Some(open) = open.filter(|_| !is_over) else {
            let ended = runs.iter().zip(ended);
            return Ok(ended
                .filter_map(|(id, end)| end.map(|(end, exit)| (id.clone(), end, exit)))
                .collect());
        };
        if !told && waited >= lock::SIGN_AFTER {
            told = true;
            let short = store.short(&runs[open])?;
            cx.printer.tell(&format!("waiting for run {short}: crew attach {short} shows how it goes"));
        }
        std::thread::sleep(LOOK.min(timeout.map_or(LOOK, |timeout| timeout.saturating_sub(waited))));
    }
}

/// Tells how a run has ended, and what to type next.
fn tell(cx: &Context, store: &Store, run: &Run, finished: Finished) -> Result<()> {
    if cx.printer.json {
        return Ok(());
    }
    let short = store.short(&run.id)?;
    cx.printer.data(&format!("{short}  {}", finished.status.words()))?;
    match finished.status {
        RunStatus::AwaitingInput => cx.printer.tell(&format!("next  crew gates {short}")),
        RunStatus::Interrupted | RunStatus::Queued => {
            cx.printer.tell(&format!("next  {}", resume_command(store.layout(), run, &short)))
        }
        _ => {}
    }
    Ok(())
}

/// Returns how bad an end is, of several.
fn rank(exit: ExitStatus) -> u8 {
    match exit {
        ExitStatus::Done => 0,
        ExitStatus::Waiting => 1,
        ExitStatus::Interrupted => 2,
        _ => 3,
    }
}
