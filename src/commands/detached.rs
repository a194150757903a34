//! `crew run --detach`: a process of its own session carries the run out, and the command returns.
//!
//! # How it works
//!
//! The command plans and records the run as ever, so whatever is wrong is told where it was typed. Then it starts crew once
//! more, which has no terminal and inherits the run's lock, open as it is: at no time is the run without an owner. As soon
//! as that one has recorded that it is at work, the command returns. There is no daemon: the process ends with the run.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::going_on;
use super::logging;
use super::recordings::RecordingArgs;
use super::run;
use super::typist;
use crate::agents::replay::Tempo;
use crate::domain::event::Event;
use crate::domain::run::Run;
use crate::domain::words::clean_text;
use crate::runner::process::{self, GroupSignal};
use crate::runner::recorder::Recordings;
use crate::runner::signals;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::store::lock::{self, RunLock};
use crate::ui::screen::{self, To};
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the process may take to begin. It waits for the store as long as others write there.
const TO_BEGIN: Duration = Duration::from_secs(60);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(5);
/// The most bytes that each of its streams may add to its log.
const MAX_LOG: usize = 16 * 1024 * 1024;
/// The most bytes of its log that are shown where it did not begin.
const MAX_TAIL: u64 = 4_000;

/// Carry out a run that is recorded (for crew itself)
#[derive(Debug, clap::Args)]
pub struct CarryOutArgs {
    /// Run to carry out
    run: String,

    /// The open file whose lock on the run is inherited
    #[arg(long, value_name = "NUMBER")]
    lock: i32,

    /// Set a setting for this run
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Trust this repository's files for this run
    #[arg(long)]
    trust_project: bool,

    /// Record into this folder, which has been made for that
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,

    /// Play recordings back in place of every agent
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,

    /// How fast
    #[arg(long, value_name = "X", default_value = "instant")]
    replay_speed: Tempo,
}

impl CarryOutArgs {
    /// Returns the run that is meant.
    pub fn run(&self) -> &str {
        &self.run
    }
}

/// What the process has to be told, beside the run itself.
#[derive(Debug, Default)]
pub struct Told<'a> {
    pub sets: &'a [String],
    pub trust_project: bool,
    pub recordings: Vec<OsString>,
}

/// Lets a process of its own carry the run out, whose lock the caller holds, and says how to see more of it.
pub fn start(cx: &Context, store: &Store, run: &Run, lock: RunLock, told: &Told<'_>) -> Result<ExitStatus> {
    let short = store.short(&run.id)?;
    let log = store.paths(&run.id).dispatcher_log();
    let (mut child, from) = spawn(store.layout(), run, &lock, told, &log)
        .with_context(|| format!("start a process for run {short}"))?;
    // From here on the lock is held by the child alone.
    drop(lock);
    await_begin(cx, store, run, &mut child).map_err(|why| {
        // Whoever reads that it has not begun has to be right about it later too.
        end(&mut child);
        let tail = tail_of(&log, from);
        let hint = format!(
            "{} goes on with it; its log: {}",
            going_on::resume_command(store.layout(), run, &short),
            log.display()
        );
        let said = if tail.is_empty() { String::new() } else { format!("; it said:\n{tail}") };
        Problem { exit: ExitStatus::Failed, ..Problem::usage("not_started", format!("{why}{said}")) }
            .hint(hint)
    })?;
    if cx.printer.json {
        cx.printer.json(&json!({"run": run.id, "short": short, "pid": child.id(), "log": log}))?;
        return Ok(ExitStatus::Done);
    }
    cx.printer.data(&short)?;
    let tasks = words::count(run.tasks.len(), "task");
    cx.printer.tell(&format!(
        "{} team  {tasks}  goes on without this terminal (pid {})",
        run.team,
        child.id()
    ));
    cx.printer.tell(&format!("next  crew attach {short}    crew wait {short}    crew cancel {short}"));
    Ok(ExitStatus::Done)
}

/// Starts the process; returns it, and where in the log its words begin.
fn spawn(layout: &Layout, run: &Run, lock: &RunLock, told: &Told<'_>, log: &Path) -> Result<(Child, u64)> {
    let file = File::options().create(true).append(true).open(log)?;
    let from = file.metadata()?.len();
    let mut command = Command::new(std::env::current_exe().context("find the running program")?);
    command.arg("-C").arg(layout.repository()).arg("carry-out").arg(run.id.as_str());
    command.arg(format!("--lock={}", lock.number()));
    command.args(told.sets.iter().map(|set| format!("--set={set}")));
    command.args(told.trust_project.then_some("--trust-project"));
    command.args(&told.recordings);
    // It logs as much as was asked for here, by whatever way.
    command.envs(logging::chosen().map(|filter| (logging::VARIABLE, filter)));
    command.current_dir(layout.repository());
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    // SAFETY: setsid is allowed between fork and exec. What ends the terminal's group does not end a session of its own.
    unsafe {
        command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?));
    }
    lock.share_with_children()?;
    Ok((command.spawn()?, from))
}

/// Waits until the process has recorded that it is at work; else says why it never will.
fn await_begin(cx: &Context, store: &Store, run: &Run, child: &mut Child) -> Result<(), String> {
    let began = Instant::now();
    let mut told = false;
    loop {
        // Looked at before the record: what it recorded last is still read.
        let ended = child.try_wait().map_err(|error| error.to_string())?;
        let events = store.events(&run.id, run.last_seq, 1_000).map_err(|error| error.to_string())?;
        if events.iter().any(|recorded| matches!(recorded.event, Event::DispatcherStarted { .. })) {
            return Ok(());
        }
        if let Some(status) = ended {
            return Err(format!(
                "the process that was to carry the run out ended before it began ({status})"
            ));
        }
        if began.elapsed() >= TO_BEGIN {
            return Err(format!(
                "the process that was to carry the run out (pid {}) has not begun within {}, and is ended",
                child.id(),
                words::duration(TO_BEGIN)
            ));
        }
        if !told && began.elapsed() >= lock::SIGN_AFTER {
            told = true;
            // Whoever reads JSON reads an object there, or nothing.
            if !cx.printer.json {
                cx.printer.tell(&format!("waiting for process {} to begin", child.id()));
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Ends a process that leads a group of its own, with what it has started, and takes it away.
fn end(child: &mut Child) {
    if let Ok(None) = child.try_wait() {
        process::signal_group(child.id(), GroupSignal::Kill);
        let _ = child.wait();
    }
}

fn tail_of(log: &Path, from: u64) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(MAX_TAIL))))?;
        let mut bytes = Vec::new();
        file.take(MAX_TAIL).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes: std::io::Result<Vec<u8>> = read();
    clean_text(String::from_utf8_lossy(&bytes.unwrap_or_default()).trim(), MAX_TAIL as usize)
}

/// Carries a run out that is recorded and whose lock was inherited.
pub fn carry_out(cx: &Context, args: &CarryOutArgs) -> Result<ExitStatus> {
    signals::outlive_terminal().context("listen to signals")?;
    screen::take_over();
    [To::Out, To::Err].into_iter().for_each(|to| screen::bound(to, MAX_LOG));
    let layout = cx.layout()?;
    // With other settings, what waits for a person would wait no more.
    typist::refuse_all_but_crew(layout.repository())?;
    let trusted = args.trust_project || cx.trusts(&layout)?;
    let settings = cx.settings(&layout, &args.set, trusted)?;
    let mut registry = run::registry(&settings)?;
    let replayed = RecordingArgs::replaying(args.replay.clone(), args.replay_speed).load(&mut registry)?;
    let mut store = Store::open(&layout).context("open the store")?;
    let id = cx.find_run(&store, &args.run)?;
    let paths = store.paths(&id);
    let lock = lock::inherit(&paths, args.lock)?.ok_or_else(|| {
        Problem::refused("no_lock", "the lock of the run was not inherited")
            .hint("this command is for crew itself: crew run --detach, crew resume --detach")
    })?;
    let loaded = store.load_run(&id)?.context("the run is recorded")?;
    if !loaded.status(false).goes_on() {
        let message = format!("run {} is {}", args.run, loaded.status(false).words());
        return Err(Problem::refused("not_interrupted", message).into());
    }
    let ways = going_on::resume_with_trust(&args.run);
    going_on::refuse_untrusted(&layout, &loaded, &args.run, args.trust_project, &ways)?;
    let mut setup = run::setup(&layout, &settings, &registry, &paths);
    if let Some(replayed) = &replayed {
        setup.retries.pace(|backoff| replayed.tempo.of(backoff));
    }
    setup.recordings = args.record.clone().map(Recordings::into);
    setup.person_key = Context::person_key();
    run::carry_out_recorded(cx, &mut store, loaded, lock, &setup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_given_up_does_not_go_on_later() {
        let mut child = Command::new("sleep").arg("1000").process_group(0).spawn().unwrap();
        end(&mut child);
        assert!(process::has_ended(child.id()));
        assert!(child.try_wait().unwrap().is_some_and(|status| !status.success()));
        end(&mut child);
    }
}
