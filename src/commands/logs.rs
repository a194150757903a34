//! `crew logs`: what agents and commands printed.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::id::RunId;
use crate::domain::nearest::nearest;
use crate::domain::run::Run;
use crate::domain::words::clean_text;
use crate::store::database::Store;
use crate::store::layout;
use crate::store::lock;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Print what agents and commands printed
///
/// On a terminal, escape sequences are taken out; in a pipe the log is copied as it is.
#[derive(Debug, clap::Args)]
pub struct LogsArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Only this task
    task: Option<String>,

    /// Only this attempt
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,

    /// Go on until the run ends
    #[arg(long, short)]
    follow: bool,
}

/// Prints logs.
pub fn logs(cx: &Context, args: &LogsArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = cx.find_run(&store, &args.run)?;
    let mut printed: BTreeMap<PathBuf, u64> = BTreeMap::new();
    let mut last: Option<PathBuf> = None;
    let mut run = store.load_run(&id)?.context("the run is recorded")?;
    let mut seen = store.last_seq(&id)?;
    loop {
        // Looked at before the logs, so that nothing printed in between is missed.
        let owned = lock::is_owned(&store.paths(&id))?;
        if store.last_seq(&id)? != seen {
            seen = store.last_seq(&id)?;
            run = store.load_run(&id)?.context("the run is recorded")?;
        }
        let wanted = wanted(&store, &id, &run, args)?;
        let heading = wanted.len() > 1 || args.task.is_none();
        for (title, log) in wanted {
            let from = printed.entry(log.clone()).or_insert(0);
            let begin = heading && last.as_ref() != Some(&log);
            let length = std::fs::metadata(&log).map_or(0, |meta| meta.len());
            if length > *from || (begin && *from == 0 && !args.follow) {
                if begin {
                    let gap = if last.is_some() { "\n" } else { "" };
                    cx.printer.data(&format!("{gap}== {title}"))?;
                    last = Some(log.clone());
                }
                *from = copy(&log, *from)?;
            }
        }
        if !args.follow || !owned {
            return Ok(ExitStatus::Done);
        }
        std::thread::sleep(LOOK);
    }
}

/// Returns the logs that are asked for, each with a title, in the order in which their attempts began.
fn wanted(store: &Store, id: &RunId, run: &Run, args: &LogsArgs) -> Result<Vec<(String, PathBuf)>> {
    if let Some(name) = &args.task
        && !run.tasks.iter().any(|task| task.spec.id.as_str() == name)
    {
        let problem =
            Problem::refused("unknown_task", format!("run {} has no task `{name}`", store.short(id)?));
        let near = nearest(name, run.tasks.iter().map(|task| task.spec.id.as_str()));
        let hint = near
            .map_or("crew status RUN lists its tasks".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(problem.hint(hint).into());
    }
    let root = store.paths(id).root().to_owned();
    let mut found = Vec::new();
    for task in
        run.tasks.iter().filter(|task| args.task.as_deref().is_none_or(|name| task.spec.id.as_str() == name))
    {
        for attempt in
            task.attempts.iter().filter(|attempt| args.attempt.is_none_or(|number| attempt.number == number))
        {
            let title = format!("{} attempt {} ({})", task.spec.id, attempt.number, attempt.agent);
            found.push((
                attempt.started_at,
                title.clone(),
                root.join(layout::log_of(&task.spec.id, attempt.number)),
            ));
            let checks = root.join(layout::verification_log_of(&task.spec.id, attempt.number));
            if checks.exists() {
                found.push((attempt.started_at, format!("{title}, verification"), checks));
            }
        }
    }
    // One that is followed may still come.
    if let Some(number) = args.attempt.filter(|_| found.is_empty() && !args.follow) {
        let whose = args.task.as_deref().map_or("no task has".to_owned(), |name| format!("{name} has no"));
        let problem = Problem::refused("unknown_attempt", format!("{whose} attempt {number}"));
        return Err(problem.hint("crew logs RUN TASK shows all attempts of a task").into());
    }
    found.sort_by_key(|(at, ..)| *at);
    Ok(found.into_iter().map(|(_, title, path)| (title, path)).collect())
}

/// Copies a log from an offset to standard output and returns where it ended.
fn copy(log: &Path, from: u64) -> Result<u64> {
    let mut file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(from),
        Err(error) => return Err(error).with_context(|| format!("open {}", log.display())),
    };
    file.seek(SeekFrom::Start(from))?;
    let mut out = io::stdout().lock();
    let clean = out.is_terminal();
    let mut buffer = vec![0; 64 * 1024];
    let mut at = from;
    let mut kept: Vec<u8> = Vec::new();
    loop {
        let count = file.read(&mut buffer)?;
        at += count as u64;
        if !clean {
            out.write_all(&buffer[..count])?;
        } else {
            kept.extend_from_slice(&buffer[..count]);
            // An escape sequence or a character that is cut in two would slip through; lines are not.
            let whole = if count == 0 || kept.len() > 1 << 20 { kept.len() } else { end_of_lines(&kept) };
            let text: Vec<u8> = kept.drain(..whole).collect();
            out.write_all(clean_text(&String::from_utf8_lossy(&text), usize::MAX).as_bytes())?;
        }
        if count == 0 {
            return Ok(out.flush().map(|()| at)?);
        }
    }
}

fn end_of_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}
