//! What `crew run` is told about recordings: where to keep them, and which to play back.

use super::exit::{Problem, Problems};
use crate::agents::Agent;
use crate::agents::registry::Registry;
use crate::agents::replay::{self, Replay, Tempo};
use crate::domain::task::{TaskSpec, Work};
use crate::runner::recorder::Recordings;
use crate::store::recordings::{self, Contents, Damage};
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most names that a hint lists.
const MAX_NAMES: usize = 40;

/// What the user wants of recordings.
#[derive(Debug, clap::Args)]
pub struct RecordingArgs {
    /// Record what each agent prints, hands in and changes, for --replay; a new folder, or one without recordings
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    record: Option<PathBuf>,

    /// Play recordings back in place of every agent: no agent and no model is needed
    #[arg(long, value_name = "DIR", conflicts_with = "agent")]
    replay: Option<PathBuf>,

    /// How fast: `instant`, or 1 for as it was, 10 for ten times as fast
    #[arg(long, value_name = "X", requires = "replay", default_value = "instant")]
    replay_speed: Tempo,
}

impl RecordingArgs {
    /// Says in a sentence what will be recorded, and refuses a folder that holds recordings already, or the repository.
    pub fn announced(&self, repository: &Path) -> Result<Option<String>> {
        let Some(folder) = &self.record else { return Ok(None) };
        let is_top = |folder: PathBuf| repository.canonicalize().is_ok_and(|top| top == folder);
        if folder.canonicalize().is_ok_and(is_top) {
            // What agents change there could not be told from what is recorded.
            let problem = Problem::usage(
                "no_folder",
                "recordings need a folder of their own, not the repository itself",
            );
            return Err(problem
                .at(folder.display().to_string())
                .hint("name a new folder: --record recorded")
                .into());
        }
        match recordings::earlier_recording(folder) {
            Ok(None) => Ok(Some(format!("what agents do is recorded in {}", folder.display()))),
            Ok(Some(path)) => {
                let problem =
                    Problem::usage("recorded_before", "there is a recording in that folder already");
                let hint = "name a new folder, or take the old recordings away";
                Err(problem.at(path.display().to_string()).hint(hint).into())
            }
            Err(error) => Err(unusable(folder, &error).hint("name a new folder").into()),
        }
    }

    /// Speaks of recordings that are played back, where there are any.
    pub fn replaying(replay: Option<PathBuf>, replay_speed: Tempo) -> RecordingArgs {
        RecordingArgs { record: None, replay, replay_speed }
    }

    /// Returns the arguments that say the same to another crew process; `made` is what was made to record into.
    pub fn handed_on(&self, made: Option<&Recordings>) -> Result<Vec<OsString>> {
        let mut told: Vec<OsString> = Vec::new();
        if let Some(made) = made {
            told.extend(["--record".into(), made.folder.clone().into_os_string()]);
        }
        if let Some(replay) = &self.replay {
            let folder = replay.canonicalize().map_err(|error| unusable(replay, &error))?;
            told.extend(["--replay".into(), folder.into_os_string()]);
            told.extend(["--replay-speed".into(), self.replay_speed.to_string().into()]);
        }
        Ok(told)
    }

    /// Makes the folder to record into.
    pub fn prepare(&self) -> Result<Option<Arc<Recordings>>> {
        let Some(folder) = &self.record else { return Ok(None) };
        let made = recordings::make_folder(folder).and_then(|()| folder.canonicalize());
        let folder = made.map_err(|error| unusable(folder, &error).hint("name a new folder"))?;
        Ok(Some(Recordings::into(folder)))
    }

    /// Reads the recordings to play back, and makes them the agent `replay` of the registry.
    pub fn load(&self, registry: &mut Registry) -> Result<Option<Loaded>> {
        let Some(typed) = &self.replay else { return Ok(None) };
        let folder = typed
            .canonicalize()
            .map_err(|error| unusable(typed, &error).hint("crew run GOAL --record DIR makes recordings"))?;
        let Some(name) = folder.to_str().map(str::to_owned) else {
            return Err(Problem::usage("odd_path", format!("{} is not UTF-8", folder.display())).into());
        };
        let contents = recordings::contents(&folder)
            .map_err(|damages| Problems(damages.into_iter().map(damaged).collect()))?;
        let mut recorded: BTreeMap<(String, u32), Arc<dyn Agent>> = BTreeMap::new();
        let mut problems = Vec::new();
        for (attempt, head) in &contents.heads {
            match registry.program(&head.agent) {
                Some(agent) => {
                    recorded.insert(attempt.clone(), agent.clone());
                }
                None => problems.push(unknown_agent(&folder, &head.task, head.attempt, &head.agent)),
            }
        }
        if !problems.is_empty() {
            return Err(Problems(problems).into());
        }
        let ourselves = std::env::current_exe().context("find the running program")?;
        let agent = Replay::new(ourselves.display().to_string(), name, self.replay_speed, recorded);
        registry.add(Arc::new(agent));
        Ok(Some(Loaded { folder, contents, tempo: self.replay_speed }))
    }
}

/// Recordings that are about to be played back.
pub struct Loaded {
    folder: PathBuf,
    contents: Contents,
    pub tempo: Tempo,
}

impl Loaded {
    /// Returns the agent that plays them back.
    pub fn agent(&self) -> &'static str {
        replay::NAME
    }

    /// Says in a sentence what is played back.
    pub fn announced(&self) -> String {
        format!("agents are played back from {} (speed: {})", self.folder.display(), self.tempo)
    }

    /// Refuses tasks that were not recorded.
    pub fn refuse_missing(&self, tasks: &[TaskSpec]) -> Result<()> {
        let held: BTreeSet<&str> = self.contents.heads.keys().map(|(task, _)| task.as_str()).collect();
        let is_there = |task: &str| {
            self.contents.heads.contains_key(&(task.to_owned(), 1)) || self.contents.skipped.contains(task)
        };
        let missing = tasks.iter().filter(|spec| matches!(spec.work, Work::Agent { .. }));
        let missing = missing.map(|spec| spec.id.as_str()).filter(|task| !is_there(task));
        let hint = match held.len() {
            0 => "the folder holds no recording; `crew run GOAL --record DIR` makes them".to_owned(),
            _ => format!(
                "it holds recordings of {}",
                held.iter().copied().take(MAX_NAMES).collect::<Vec<_>>().join(", ")
            ),
        };
        let problems: Vec<Problem> = missing
            .map(|task| {
                let file = recordings::file_of(&self.folder, task, 1);
                Problem::usage("no_recording", format!("there is no recording of the task `{task}`"))
                    .at(file.display().to_string())
                    .hint(&hint)
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems).into()) }
    }
}

fn unusable(folder: &Path, error: &std::io::Error) -> Problem {
    Problem::usage("no_folder", format!("{}: {error}", folder.display()))
}

fn damaged(damage: Damage) -> Problem {
    let path = damage.path.display();
    let at = damage.line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"));
    Problem::usage("damaged_recording", damage.why).at(at).hint("record it anew, or take the file away")
}

fn unknown_agent(folder: &Path, task: &str, attempt: u32, agent: &str) -> Problem {
    let file = recordings::file_of(folder, task, attempt);
    Problem::usage("unknown_agent", format!("it is of the agent `{agent}`, which is not known here"))
        .at(format!("{}:1", file.display()))
        .hint("an agent of the settings has to be set up as it was; its program need not be there")
}
