//! The agent `replay` as a child process: it prints, changes, hands in and ends as the recorded one did.

use super::context::Context;
use super::exit::ExitStatus;
use super::submit::{self, Place};
use crate::agents::replay::{self, Tempo};
use crate::domain::recording::{End, Entry};
use crate::domain::request::Answer;
use crate::store::recordings;
use crate::workspace::git::GitError;
use crate::workspace::snapshot;
use anyhow::{Context as _, Result, bail};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Play a recording back (started by crew itself)
#[derive(Debug, clap::Args)]
pub struct ReplayAgentArgs {
    /// Folder of the recordings
    folder: PathBuf,

    /// How fast
    #[arg(long)]
    speed: Tempo,

    /// Play what the attempt did after it was reminded to submit
    #[arg(long)]
    reminded: bool,
}

/// Plays the recording of the attempt that we were started for.
pub fn play(_cx: &Context, args: &ReplayAgentArgs) -> Result<ExitStatus> {
    if let Err(error) = attempt_of_environment().and_then(|attempt| Player::new(args, &attempt)?.play()) {
        // One line: crew shows it as the reason.
        let _ = writeln!(std::io::stderr(), "replay: {}", format!("{error:#}").replace('\n', " "));
    }
    Ok(ExitStatus::Failed)
}

fn attempt_of_environment() -> Result<(String, u32)> {
    let task = std::env::var("CREW_TASK").context("CREW_TASK is not set")?;
    let attempt = std::env::var("CREW_ATTEMPT").context("CREW_ATTEMPT is not set")?;
    Ok((task, attempt.parse().context("CREW_ATTEMPT is no number")?))
}

struct Player {
    began: Instant,
    tempo: Tempo,
    agent: String,
    entries: recordings::Entries,
    /// What the attempt changed, until it is applied.
    patch: Option<PathBuf>,
    place: Place,
}

impl Player {
    fn new(args: &ReplayAgentArgs, (task, attempt): &(String, u32)) -> Result<Player> {
        if args.speed.is_instant() {
            // An agent that crew asked to end when it was recorded is asked again; it ends by its recording, which is
            // nearly over, and not a moment before that on some machines and after it on others.
            let heard = Arc::default();
            signal_hook::flag::register(signal_hook::consts::SIGTERM, heard).context("listen for signals")?;
        }
        let path = recordings::file_of(&args.folder, task, *attempt);
        if !path.exists() {
            bail!("there is no recording of attempt {attempt} of {task} ({})", path.display());
        }
        let (head, mut entries) = recordings::open(&path).map_err(|damage| told(&damage))?;
        if args.reminded {
            // What the first child did is over.
            for entry in entries.by_ref() {
                if let (_, Entry::End { .. }) = entry.map_err(|damage| told(&damage))? {
                    break;
                }
            }
        }
        let patch = recordings::patch_of(&args.folder, task, *attempt, args.reminded);
        Ok(Player {
            began: Instant::now(),
            tempo: args.speed,
            agent: head.agent,
            entries,
            patch: patch.exists().then_some(patch),
            place: Place::of_environment()?,
        })
    }

    /// Plays to the end, which is ours too. Returns only with an error.
    fn play(mut self) -> Result<()> {
        while let Some(entry) = self.entries.next() {
            let (_, entry) = entry.map_err(|damage| told(&damage))?;
            match entry {
                Entry::Line { at_ms, stream, line } => {
                    self.wait_for(at_ms);
                    replay::envelopes(&self.agent, stream, &line).iter().for_each(|text| say(text));
                }
                Entry::Ask { at_ms, ask } => {
                    self.wait_for(at_ms);
                    self.change_files()?;
                    let answer = submit::ask(&self.place, &self.place.request(ask))?;
                    say(&replay::note(&match answer {
                        Some(Answer::Accepted { .. }) => "accepted".to_owned(),
                        Some(Answer::Refused { message, .. }) => format!("refused: {message}"),
                        None => bail!("a sandbox keeps us from handing in"),
                    }));
                }
                Entry::End { end } => {
                    self.wait_for(end.at_ms);
                    self.change_files()?;
                    end_as(&end)?;
                }
            }
        }
        bail!("the recording has no end: the crew process that wrote it died, or its disk was full")
    }

    fn wait_for(&self, at_ms: u64) {
        let due = self.tempo.of(Duration::from_millis(at_ms));
        std::thread::sleep(due.saturating_sub(self.began.elapsed()));
    }

    /// Changes the files as the recorded attempt did. That is done before anything is handed in, as a whole: a
    /// recording does not tell when each file was changed.
    fn change_files(&mut self) -> Result<()> {
        let Some(patch) = self.patch.take() else { return Ok(()) };
        let here = std::env::current_dir().context("find the current folder")?;
        match snapshot::apply(&here, &patch) {
            Ok(()) => {}
            Err(GitError::Failed { message, .. }) => {
                bail!("{} does not fit the files here: {message}", patch.display())
            }
            Err(error) => return Err(error.into()),
        }
        say(&replay::note(&format!("applied {}", patch.display())));
        Ok(())
    }
}

fn told(damage: &recordings::Damage) -> anyhow::Error {
    let line = damage.line.map_or(String::new(), |line| format!(":{line}"));
    anyhow::anyhow!("{}{line}: {}", damage.path.display(), damage.why)
}

fn say(line: &str) {
    // A dispatcher that is gone does not hear us.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Ends the process as the recorded one ended.
fn end_as(end: &End) -> Result<()> {
    if let Some(why) = &end.not_started {
        bail!("the recorded agent could not be started: {why}");
    }
    if let Some(signal) = end.signal {
        // The original's core file would not tell anything about us.
        let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
        let _ = signal_hook::low_level::emulate_default_handler(signal);
        bail!("signal {signal} of the recording does not end a process here");
    }
    std::process::exit(end.exit.unwrap_or(1))
}
