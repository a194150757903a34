//! `crew logs`: what agents and commands printed.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::id::RunId;
use crate::domain::nearest::nearest;
use crate::domain::redact::{Redactor, SafeStream};
use crate::domain::run::Run;
use crate::runner::environment;
use crate::store::database::Store;
use crate::store::layout;
use crate::store::lock;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Print what agents and commands printed
///
/// Escape sequences and what looks like a secret are taken out; the log of a command holds them still.
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
    let mut printed: BTreeMap<PathBuf, Shown> = BTreeMap::new();
    let words = environment::hiding_ours(&[]);
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
            let shown = printed.entry(log.clone()).or_default();
            let more = args.follow && owned;
            let begin = heading && last.as_ref() != Some(&log);
            let length = std::fs::metadata(&log).map_or(0, |meta| meta.len());
            if length > shown.at || (begin && shown.at == 0 && !args.follow) {
                if begin {
                    let gap = if last.is_some() { "\n" } else { "" };
                    cx.printer.data(&format!("{gap}== {title}"))?;
                    last = Some(log.clone());
                }
                shown.copy(&log, &words)?;
            }
            if !more {
                shown.close(&words)?;
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
        let task = args.task.as_deref().map(|task| format!(" {task}")).unwrap_or_default();
        return Err(problem.hint(format!("crew logs {}{task} shows all attempts", args.run)).into());
    }
    found.sort_by_key(|(at, ..)| *at);
    Ok(found.into_iter().map(|(_, title, path)| (title, path)).collect())
}

/// What was printed of a log.
#[derive(Default)]
struct Shown {
    at: u64,
    safe: SafeStream,
}

impl Shown {
    /// Prints the lines that have come.
    fn copy(&mut self, log: &Path, words: &Redactor) -> Result<()> {
        let mut file = match File::open(log) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("open {}", log.display())),
        };
        file.seek(SeekFrom::Start(self.at))?;
        let mut out = io::stdout().lock();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok(out.flush()?);
            }
            self.at += count as u64;
            out.write_all(self.safe.take(words, &buffer[..count]).as_bytes())?;
        }
    }

    /// Prints a line that has no end; nothing more comes.
    fn close(&mut self, words: &Redactor) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(self.safe.close(words).as_bytes())?;
        Ok(out.flush()?)
    }
}
