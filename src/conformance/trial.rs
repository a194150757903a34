//! One call of an agent in an empty home, supervised as in a run, and what was seen of it.

use super::script::Script;
use super::server::ModelServer;
use super::stage::{self, Stage};
use crate::agents::{Access, Agent, Assignment, Said, UsageKind, prompt_text};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Ending, ProcessId};
use crate::domain::recording::Stream;
use crate::domain::usage::Usage;
use crate::domain::words::clean_line;
use crate::runner::child::{self, ChildNews, ChildSpec, Control};
use crate::runner::environment::Environment;
use crate::runner::process::GroupSignal;
use crate::workspace::git::Git;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How often a call is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long an agent may take to end after it was asked to.
pub const HEED: Duration = Duration::from_secs(4);
/// The most characters of an agent's last words on standard error.
const MAX_COMPLAINT: usize = 200;
/// The most characters of a model's name.
const MAX_MODEL: usize = 100;
/// Nobody listens there, so that what goes to another machine fails at once. Loopback is left out of it.
const NOWHERE: &str = "http://127.0.0.1:9";
/// The variable by which everything that an examination starts is known.
pub const MARK: &str = "CREW_CONFORMANCE";

/// An agent that has been put before a scripted model, in folders that go with it.
pub struct Bench {
    pub agent: Arc<dyn Agent>,
    program: PathBuf,
    /// Goes last: everything else stands in it.
    folder: TempDir,
    pub server: ModelServer,
    pub stage: Stage,
    pub environment: Environment,
    mark: String,
    /// How long a call may take.
    pub patience: Duration,
}

/// What an agent is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub access: Access,
    pub system_prompt: &'a str,
    pub prompt: &'a str,
    pub thinking: Option<&'a str>,
    pub max_turns: Option<u32>,
    pub session: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// Asks for work by a prompt, and for nothing else.
    pub fn of(access: Access, prompt: &'a str) -> Call<'a> {
        Call { access, system_prompt: "", prompt, thinking: None, max_turns: None, session: None }
    }
}

/// When a call is ended that does not end by itself.
pub enum Until<'a> {
    /// When its time is over.
    TimeIsOver,
    /// Asked by a signal, so long after something was seen.
    Seen(&'a dyn Fn(&Heard) -> bool, Duration, GroupSignal),
}

/// What an agent has said.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Lines of standard output.
    pub lines: u64,
    /// Lines of standard output that are not in its format.
    pub odd_lines: u64,
    pub said: Vec<Said>,
    /// The last line on standard error.
    pub complaint: String,
    /// The last line of standard output.
    pub last_line: String,
    /// The model that answers, where the agent names it.
    pub model: Option<String>,
    /// When the first words came.
    pub first_words: Option<Instant>,
}

impl Heard {
    /// Returns the agent's own session id.
    pub fn session(&self) -> Option<&str> {
        self.said.iter().find_map(|said| match said {
            Said::Session(id) if !id.is_empty() => Some(id.as_str()),
            _ => None,
        })
    }

    /// Returns its words; those of the final event where it said none before.
    pub fn words(&self) -> String {
        let said: String = self
            .said
            .iter()
            .filter_map(|said| match said {
                Said::Message(words) | Said::MessagePart(words) => Some(words.as_str()),
                _ => None,
            })
            .collect();
        let last = self.said.iter().rev().find_map(|said| match said {
            Said::Final { text, .. } => text.clone(),
            _ => None,
        });
        if said.is_empty() { last.unwrap_or_default() } else { said }
    }

    /// Returns whether the last final event was good; `None` where there was none.
    pub fn end(&self) -> Option<bool> {
        self.said.iter().rev().find_map(|said| match said {
            Said::Final { ok, .. } => Some(*ok),
            _ => None,
        })
    }

    /// Returns what was used, as the agent told it.
    pub fn usage(&self) -> Usage {
        self.said.iter().fold(Usage::default(), |mut sum, said| match said {
            Said::Usage(usage, UsageKind::Total) => *usage,
            Said::Usage(usage, UsageKind::Step) => {
                sum.add(usage);
                sum
            }
            _ => sum,
        })
    }

    /// Returns what it said of errors: why it failed or waits, in its words.
    pub fn troubles(&self) -> impl DoubleEndedIterator<Item = (ErrorKind, &str)> {
        self.said.iter().filter_map(|said| match said {
            Said::Failed { kind, message, .. } => Some((*kind, message.as_str())),
            Said::Waiting { error: Some(kind), reason, .. } => Some((*kind, reason.as_str())),
            _ => None,
        })
    }

    /// Tells whether it failed with an error of this kind, or waits because of one.
    pub fn met(&self, wanted: ErrorKind) -> bool {
        self.troubles().any(|(kind, _)| kind == wanted)
    }
}

/// What was seen of a call.
#[derive(Clone, Debug)]
pub struct Seen {
    pub heard: Heard,
    pub ending: Ending,
    /// How long it lived after it was asked to end, where it was.
    pub after_signal: Option<Duration>,
    /// It had to be killed.
    pub killed: bool,
    pub begun: Instant,
    pub elapsed: Duration,
}

impl Seen {
    /// Returns how it ended as a shell tells it: 128 and the number of a signal.
    pub fn exit(&self) -> Option<i32> {
        self.ending.exit.or(self.ending.signal.map(|signal| 128 + signal))
    }
}

struct Listener {
    agent: Option<Arc<dyn Agent>>,
    heard: Mutex<Heard>,
}

impl Listener {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChildNews for Listener {
    fn started(&self, _process: ProcessId) {}

    fn reads_lines(&self) -> bool {
        true
    }

    fn line(&self, stream: Stream, line: &str) {
        let said = match (&self.agent, stream) {
            (Some(agent), Stream::Output) => agent.read_line(line),
            (Some(agent), Stream::Error) => Some(agent.read_stderr_line(line)),
            (None, _) => Some(Vec::new()),
        };
        let mut heard = self.heard();
        match stream {
            Stream::Output => {
                heard.lines += 1;
                heard.odd_lines += u64::from(said.is_none());
                line.clone_into(&mut heard.last_line);
                if heard.model.is_none() {
                    heard.model = model_in(line);
                }
            }
            Stream::Error if !line.trim().is_empty() => heard.complaint = clean_line(line, MAX_COMPLAINT),
            Stream::Error => {}
        }
        let said = said.unwrap_or_default();
        if heard.first_words.is_none()
            && said.iter().any(|said| matches!(said, Said::Message(_) | Said::MessagePart(_)))
        {
            heard.first_words = Some(Instant::now());
        }
        heard.said.extend(said);
    }
}

/// Returns the model that a line of JSON names, where it is one of those places in which agents name theirs.
fn model_in(line: &str) -> Option<String> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let named = ["/model", "/message/model"].iter().find_map(|place| event.pointer(place)?.as_str());
    named.map(|name| clean_line(name, MAX_MODEL)).filter(|name| !name.is_empty())
}

impl Bench {
    /// Puts an agent before a scripted model, in an empty home beside a repository with one commit.
    pub fn set_up(agent: Arc<dyn Agent>, program: PathBuf, patience: Duration) -> anyhow::Result<Bench> {
        let folder = tempfile::Builder::new().prefix("crew-conformance-").tempdir()?;
        let (home, repository) = (folder.path().join("home"), folder.path().join("repository"));
        for made in [&home, &repository, &folder.path().join("tmp"), &folder.path().join("inbox")] {
            std::fs::create_dir_all(made)?;
        }
        let git = Git::at(&repository);
        git.run(&["init", "-q", "--template="])?;
        let mut commit = vec!["-c", "user.name=crew", "-c", "user.email=crew@localhost"];
        // Nothing of the user's own git has a say here.
        commit.extend(["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"]);
        commit.extend(["commit", "-q", "--allow-empty", "-m", "begin"]);
        git.run(&commit)?;
        let server = ModelServer::start(Script::default())?;
        let stage = stage::set(agent.name(), &home, &server.url())?;
        let mark = format!("{MARK}={}", folder.path().display());
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
        let mut variables: Vec<(String, String)> = [
            ("PATH", path),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "dumb".to_owned()),
            ("TMPDIR", folder.path().join("tmp").display().to_string()),
            ("HTTPS_PROXY", NOWHERE.to_owned()),
            ("NO_PROXY", "127.0.0.1,localhost".to_owned()),
            (MARK, folder.path().display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        variables.extend(stage.env.iter().cloned());
        let environment = Environment::of(&variables);
        Ok(Bench { agent, program, folder, server, stage, environment, mark, patience })
    }

    /// Returns where the repository is that the agent works in.
    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// Writes a file below the home directory.
    pub fn write_home(&self, path: &str, text: &str) -> std::io::Result<()> {
        let path = self.folder.path().join("home").join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        std::fs::write(path, text)
    }

    /// Calls the agent while the model plays a script. An agent that cannot do what is asked for says so.
    pub fn call(
        &self,
        script: Script,
        call: &Call<'_>,
        until: &Until<'_>,
        stop: &AtomicBool,
    ) -> anyhow::Result<Seen> {
        self.server.play(script);
        let prompt = prompt_text(&*self.agent, call.system_prompt, call.prompt);
        let prompt_file = self.folder.path().join("prompt.md");
        std::fs::write(&prompt_file, &prompt)?;
        let (repository, inbox) = (self.repository(), self.folder.path().join("inbox"));
        let spec = self.agent.command(&Assignment {
            role: if call.access == Access::Write { "executor" } else { "reviewer" },
            access: call.access,
            system_prompt: call.system_prompt,
            prompt: &prompt,
            prompt_file: &prompt_file,
            cwd: &repository,
            inbox: &inbox,
            model: self.stage.model.as_deref(),
            thinking: call.thinking,
            max_turns: call.max_turns,
            session: call.session,
            ..Assignment::bare()
        })?;
        let stdin = spec.stdin.into_file();
        let args = spec.args.iter().map(Into::into).collect();
        let env = self.environment.with(&[], &spec.env);
        let child = ChildSpec { args, env, stdin, ..self.child(self.program.clone()) };
        Ok(watch(&child, Some(self.agent.clone()), self.patience, until, stop))
    }

    /// Starts a program that is no agent and waits for its end.
    pub fn start(&self, program: PathBuf, args: &[String], patience: Duration, stop: &AtomicBool) -> Seen {
        let args = args.iter().map(Into::into).collect();
        let child = ChildSpec { args, ..self.child(program) };
        watch(&child, None, patience, &Until::TimeIsOver, stop)
    }

    fn child(&self, program: PathBuf) -> ChildSpec {
        ChildSpec {
            program,
            args: Vec::new(),
            env: self.environment.with(&[], &[]),
            cwd: self.repository(),
            stdin: None,
            log: self.folder.path().join("log"),
            kept: None,
            words: Arc::default(),
            grace: Duration::from_secs(1),
            drain: Duration::from_millis(500),
            marks: vec![self.mark.clone()],
        }
    }
}

/// Starts a child, hears what it says, and sees to it that it ends.
pub fn watch(
    child: &ChildSpec,
    agent: Option<Arc<dyn Agent>>,
    patience: Duration,
    until: &Until<'_>,
    stop: &AtomicBool,
) -> Seen {
    let begun = Instant::now();
    let control = Control::default();
    let listener = Arc::new(Listener { agent, heard: Mutex::default() });
    // Each call has a log of its own to grow.
    let _ = std::fs::remove_file(&child.log);
    let (mut seen_at, mut asked_at, mut killed) = (None, None, false);
    let (ending, ended_at) = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let ending = child::run(child, &control, listener.clone());
            (ending, Instant::now())
        });
        while !running.is_finished() {
            std::thread::sleep(LOOK);
            let now = Instant::now();
            if let Until::Seen(seen, settle, signal) = until {
                if seen_at.is_none() && seen(&listener.heard()) {
                    seen_at = Some(now);
                }
                if asked_at.is_none() && seen_at.is_some_and(|at| at + *settle <= now) {
                    asked_at = Some(now);
                    control.signal(*signal);
                }
            }
            let out_of_time = asked_at.is_none() && begun + patience <= now;
            let unheeded = asked_at.is_some_and(|at| at + HEED <= now);
            if !killed && (out_of_time || unheeded || stop.load(Ordering::Relaxed)) {
                killed = true;
                control.signal(GroupSignal::Kill);
            }
        }
        running.join().unwrap_or_else(|_| (Ending::default(), Instant::now()))
    });
    let heard = listener.heard().clone();
    let after_signal = asked_at.map(|at| ended_at.saturating_duration_since(at));
    Seen { heard, ending, after_signal, killed, begun, elapsed: begun.elapsed() }
}
