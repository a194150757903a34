//! One word from an agent's real model, in the user's own home: it costs tokens, and is done only where it is asked for.

use super::checks::how_it_ended;
use super::trial::{self, Heard, MARK, Seen, Until};
use crate::agents::{Agent, Assignment, Said, Unsupported, prompt_text};
use crate::domain::error_kind::ErrorKind;
use crate::domain::usage::Usage;
use crate::runner::child::ChildSpec;
use crate::runner::environment::Environment;
use crate::runner::process::GroupSignal;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const PROMPT: &str = "Answer with the one word pong. Use no tool and say nothing else.";

/// Whom to ask.
pub struct Asked {
    pub agent: Arc<dyn Agent>,
    pub program: PathBuf,
    pub environment: Environment,
    /// The agent's own choice where it is not set.
    pub model: Option<String>,
    pub patience: Duration,
}

/// What the model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    pub words: String,
    /// As the agent names it, or as it was asked for.
    pub model: Option<String>,
    /// Until the first words came, where the agent prints while it works.
    pub first_words: Option<Duration>,
    pub elapsed: Duration,
    pub usage: Usage,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Silence {
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{message}")]
    Failed { kind: ErrorKind, message: String },
    #[error("interrupted")]
    Interrupted,
}

/// Asks an agent for one word, in a read-only role and an empty folder.
pub fn ask(asked: &Asked, stop: &AtomicBool) -> Result<Answered, Silence> {
    let folder = tempfile::Builder::new().prefix("crew-probe-").tempdir()?;
    let (cwd, inbox) = (folder.path().join("empty"), folder.path().join("inbox"));
    std::fs::create_dir(&cwd)?;
    std::fs::create_dir(&inbox)?;
    let prompt = prompt_text(&*asked.agent, "", PROMPT);
    let prompt_file = folder.path().join("prompt.md");
    std::fs::write(&prompt_file, &prompt)?;
    let spec = asked.agent.command(&Assignment {
        prompt: &prompt,
        prompt_file: &prompt_file,
        cwd: &cwd,
        inbox: &inbox,
        model: asked.model.as_deref(),
        ..Assignment::bare()
    })?;
    let mut set = spec.env.clone();
    set.push((MARK.to_owned(), folder.path().display().to_string()));
    let child = ChildSpec {
        program: asked.program.clone(),
        args: spec.args.iter().map(Into::into).collect(),
        env: asked.environment.with(&spec.pass_env, &set),
        cwd,
        stdin: spec.stdin.into_file(),
        log: folder.path().join("log"),
        kept: None,
        words: Arc::default(),
        grace: Duration::from_secs(2),
        drain: Duration::from_secs(1),
        marks: vec![format!("{MARK}={}", folder.path().display())],
    };
    let hopeless = |heard: &Heard| heard.said.iter().any(Said::is_hopeless);
    let until = Until::Seen(&hopeless, Duration::ZERO, GroupSignal::End);
    let seen = trial::watch(&child, Some(asked.agent.clone()), asked.patience, &until, stop);
    if stop.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(Silence::Interrupted);
    }
    judge(seen, asked.agent.promises_final(), asked.model.clone())
}

/// Decides whether an answer came.
fn judge(seen: Seen, promises_final: bool, model: Option<String>) -> Result<Answered, Silence> {
    let words = seen.heard.words().trim().to_owned();
    let ended_well = match promises_final {
        true => seen.heard.end() == Some(true),
        false => seen.ending.exit == Some(0),
    };
    if ended_well && !words.is_empty() {
        return Ok(Answered {
            words,
            model: seen.heard.model.clone().or(model),
            first_words: seen.heard.first_words.map(|at| at.saturating_duration_since(seen.begun)),
            elapsed: seen.elapsed,
            usage: seen.heard.usage(),
        });
    }
    // One failure may be told twice; the first that says what it is tells the most.
    if let Some((kind, words)) = seen.heard.troubles().find(|(kind, _)| *kind != ErrorKind::Unknown) {
        return Err(Silence::Failed { kind, message: words.to_owned() });
    }
    let kind = match () {
        () if seen.ending.not_found => ErrorKind::AgentNotFound,
        () if seen.killed => ErrorKind::AgentTimeout,
        () if promises_final && seen.heard.end().is_none() => ErrorKind::ProtocolError,
        () => ErrorKind::Unknown,
    };
    let message = if ended_well { "the model said nothing".to_owned() } else { how_it_ended(&seen) };
    Err(Silence::Failed { kind, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Ending;
    use std::time::Instant;

    fn seen(said: Vec<Said>, exit: i32) -> Seen {
        Seen {
            heard: Heard { said, ..Heard::default() },
            ending: Ending { exit: Some(exit), ..Ending::default() },
            after_signal: None,
            killed: false,
            begun: Instant::now(),
            elapsed: Duration::from_secs(2),
        }
    }

    fn kind(seen: Seen, promises_final: bool) -> ErrorKind {
        match judge(seen, promises_final, None) {
            Err(Silence::Failed { kind, .. }) => kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_is_words_and_a_good_end() {
        let pong = || Said::Message(" pong\n".into());
        let end = |ok| Said::Final { ok, text: None };
        let answered = judge(seen(vec![pong(), end(true)], 0), true, Some("m".into())).unwrap();
        assert_eq!((answered.words.as_str(), answered.model.as_deref()), ("pong", Some("m")));
        assert_eq!(kind(seen(vec![pong()], 0), true), ErrorKind::ProtocolError);
        assert_eq!(kind(seen(vec![pong(), end(false)], 0), true), ErrorKind::Unknown);
        assert_eq!(kind(seen(vec![end(true)], 0), true), ErrorKind::Unknown);
        assert!(judge(seen(vec![pong()], 0), false, None).is_ok(), "no final event is promised");
        assert_eq!(kind(seen(vec![pong()], 1), false), ErrorKind::Unknown);
    }

    #[test]
    fn what_the_agent_waits_for_is_why_there_is_no_answer() {
        let waiting =
            Said::Waiting { reason: "429".into(), error: Some(ErrorKind::RateLimited), retry_after: None };
        let killed = |said| Seen { killed: true, ..seen(said, 1) };
        assert_eq!(kind(killed(vec![waiting]), true), ErrorKind::RateLimited);
        assert_eq!(kind(killed(Vec::new()), true), ErrorKind::AgentTimeout);
    }
}
