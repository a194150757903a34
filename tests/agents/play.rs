//! One agent CLI, a model server of its own, and a repository with an empty home.

use crate::support::{Ran, Running, TestRepo, run_command, start_command, task, wait_until};
use crew::conformance::script::{Act, Conversation, Script};
use crew::conformance::server::ModelServer;
use crew::conformance::stage::{self, Stage};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The agents that crew knows by name.
pub const ALL: [&str; 5] = ["claude", "codex", "gemini", "opencode", "pi"];

/// Hands in a result as an executor does.
pub const HAND_IN: &str = "crew submit result --summary 'it is done' --confidence 0.9 --rationale 'seen to work' --no-change-reason 'the script changes nothing'";

/// Returns the folder of the programs: `CREW_TEST_AGENTS` names it, or else `.ci/agents` filled it.
fn programs() -> PathBuf {
    let folder = std::env::var_os("CREW_TEST_AGENTS").filter(|folder| !folder.is_empty());
    let folder =
        folder.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/agents"), PathBuf::from);
    folder.join("node_modules/.bin")
}

/// Tells whether a CLI can be tried.
pub fn is_installed(cli: &str) -> bool {
    programs().join(cli).exists()
}

/// Returns the folder of a program of this machine.
fn folder_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| folder.join(program).exists())
}

/// A model that calls the shell with a command.
pub fn shell(command: &str) -> Act {
    Act::Shell(command.to_owned())
}

/// A model that says something.
pub fn say(words: &str) -> Act {
    Act::Say(words.to_owned())
}

/// A provider that answers with an error, in its own words.
pub fn answer(status: u16) -> Act {
    Act::Answer { status, message: None, retry_after: None }
}

/// A provider that limits the rate and asks for a wait of so many seconds.
pub fn limited(retry_after: u64) -> Act {
    Act::Answer { status: 429, message: None, retry_after: Some(retry_after) }
}

/// A stage with an agent on it.
pub struct Play {
    pub repo: TestRepo,
    pub server: Option<ModelServer>,
    cli: &'static str,
    stages: Vec<Stage>,
    /// Files of the user's that were there before, with their content.
    configuration: Vec<(PathBuf, Vec<u8>)>,
}

impl Play {
    /// Puts an agent before a model that plays a script, with one step for an executor to do.
    pub fn of(cli: &'static str, acts: impl IntoIterator<Item = Act>) -> Play {
        Play::at(cli, "## work\nrole: executor\n\nDo it.", acts)
    }

    /// The same, with another step, whose id is `work`.
    pub fn at(cli: &'static str, step: &str, acts: impl IntoIterator<Item = Act>) -> Play {
        let play = Play::with(&[cli], Script::of(acts));
        play.repo.workflow("play", step);
        play
    }

    /// Puts several agents before a model that plays a script.
    pub fn with(clis: &[&'static str], script: Script) -> Play {
        let repo = TestRepo::new();
        let server = ModelServer::start(script).expect("a model server");
        let set = |cli: &&str| stage::set(cli, &repo.home, &server.url()).expect("a stage");
        let stages = clis.iter().map(set).collect();
        let mut configuration = Vec::new();
        remember_files(&repo.home, &mut configuration);
        Play { repo, server: Some(server), cli: clis[0], stages, configuration }
    }

    pub fn server(&self) -> &ModelServer {
        self.server.as_ref().expect("it runs")
    }

    /// Returns the model that an agent is to be asked for, where it has to be named.
    pub fn model(&self, cli: &str) -> Option<&str> {
        let at = ALL.iter().position(|known| *known == cli)?;
        self.stages.get(at)?.model.as_deref()
    }

    /// Returns the same for the one agent that is there alone.
    pub fn own_model(&self) -> Option<&str> {
        self.stages.first()?.model.as_deref()
    }

    /// Returns the requests that wanted a turn of the script.
    pub fn turns(&self) -> Vec<Value> {
        let offers = |body: &Value| body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
        self.server().requests().into_iter().map(|seen| seen.body).filter(offers).collect()
    }

    /// Returns what carries the workflow out; `more` are further arguments.
    pub fn command(&self, more: &[&str]) -> Command {
        let mut args = vec!["run", "the goal", "--workflow", "play", "--json"];
        if let [Stage { model, .. }] = self.stages.as_slice() {
            args.extend(["--agent", self.cli]);
            args.extend(model.iter().flat_map(|model| ["--model", model]));
        }
        // Later ones win.
        for set in [
            "limits.grace_seconds=2",
            "retry.max_attempts=1",
            "retry.backoff_ms=0",
            "limits.attempt_seconds=300",
        ] {
            args.extend(["--set", set]);
        }
        self.crew(args.iter().chain(more))
    }

    /// Returns a command of crew that finds the agents, and hands them this stage.
    pub fn crew<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.repo.command(args);
        let folders = std::iter::once(programs()).chain(folder_of("node"));
        let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
        command.env("PATH", std::env::join_paths(folders.chain(system)).expect("a PATH"));
        // What an agent wants of the world outside (news, a list of models) ends at a port where nobody listens.
        command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("NO_PROXY", "127.0.0.1");
        command.envs(self.stages.iter().flat_map(|stage| stage.env.clone()));
        command
    }

    /// Carries the workflow out to its end.
    pub fn run(&self, more: &[&str]) -> Ran {
        run_command(self.command(more))
    }

    /// Starts the workflow and lets it run.
    pub fn start(&self, more: &[&str]) -> Running {
        start_command(self.command(more))
    }

    /// Carries the workflow out, which has to succeed, and returns its JSON.
    #[track_caller]
    pub fn completes(&self, more: &[&str]) -> Value {
        let ran = self.run(more);
        assert_eq!(ran.exit, 0, "{}\n{}\n{}", ran.out, ran.err, self.logs());
        let run = ran.json();
        assert_eq!(run["status"], "completed", "{run:#}");
        self.leaves_nothing();
        run
    }

    /// Carries the workflow out, whose one step has to fail in a manner of its own.
    #[track_caller]
    pub fn fails_with(&self, kind: &str, more: &[&str]) -> Value {
        self.failed_with(kind, self.run(more))
    }

    /// The same for what most agents meet with trying again for minutes: what they wait for when their time is up is what
    /// the attempt ended for. Where a busy machine takes all of that time to bring an agent up, it gets more of it.
    #[track_caller]
    pub fn fails_in_time_with(&self, kind: &str) -> Value {
        let ran = self.run(&["--set", "limits.attempt_seconds=12"]);
        let heard_nothing = ran.exit == 1 && task(&ran.json(), "work")["error_kind"] == "attempt_timeout";
        match heard_nothing {
            true => self.fails_with(kind, &["--set", "limits.attempt_seconds=120"]),
            false => self.failed_with(kind, ran),
        }
    }

    #[track_caller]
    fn failed_with(&self, kind: &str, ran: Ran) -> Value {
        assert_eq!(ran.exit, 1, "{}\n{}\n{}", ran.out, ran.err, self.logs());
        let work = task(&ran.json(), "work").clone();
        assert_eq!(
            (&work["state"], &work["error_kind"]),
            (&json!("failed"), &json!(kind)),
            "{work:#}\n{}",
            self.logs()
        );
        assert!(!work["reason"].as_str().expect("a reason").is_empty());
        self.leaves_nothing();
        work
    }

    /// Runs a command that has to leave the run waiting for a person, with nothing of it alive.
    #[track_caller]
    pub fn waits_after(&self, command: Command) -> Ran {
        let ran = run_command(command);
        assert_eq!(ran.exit, 3, "{}\n{}\n{}", ran.out, ran.err, self.logs());
        self.leaves_nothing();
        ran
    }

    /// Takes away all that the agent has kept for itself, its sessions among it.
    pub fn forget_sessions(&self) {
        let mut files = Vec::new();
        remember_files(&self.repo.home, &mut files);
        let is_kept = |path: &Path| {
            path.starts_with(self.repo.home.join(".config/crew"))
                || self.configuration.iter().any(|(known, _)| known == path)
        };
        for (path, _) in files.iter().filter(|(path, _)| !is_kept(path)) {
            std::fs::remove_file(path).expect("a file of the agent");
        }
    }

    /// Fails the test if a process of the agent lives on, or a file of the user's has changed.
    #[track_caller]
    pub fn leaves_nothing(&self) {
        self.repo.leaves_no_process();
        for (path, content) in &self.configuration {
            let now = std::fs::read(path).expect("a file of the user");
            assert!(now == *content, "{} is now {}", path.display(), String::from_utf8_lossy(&now));
        }
    }

    /// Returns the logs of the newest run, for whoever looks for the reason.
    pub fn logs(&self) -> String {
        let Ok(logs) = std::fs::read_dir(self.repo.run_folder().join("logs")) else { return String::new() };
        let text = |path: PathBuf| {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
            let lines: Vec<String> = text.lines().map(|line| line.chars().take(600).collect()).collect();
            format!("-- {}\n{}", path.display(), lines[lines.len().saturating_sub(40)..].join("\n"))
        };
        logs.flatten().map(|entry| text(entry.path())).collect::<Vec<_>>().join("\n")
    }
}

/// Returns every text of a request, as the model reads them.
pub fn texts(request: &Value) -> String {
    match request {
        Value::String(text) => format!("{text}\n"),
        Value::Array(items) => items.iter().map(texts).collect(),
        Value::Object(members) => members.values().map(texts).collect(),
        _ => String::new(),
    }
}

/// Returns a script in which each conversation is told by words of its prompt.
pub fn conversations(all: impl IntoIterator<Item = (String, Vec<Act>)>) -> Script {
    Script {
        conversations: all.into_iter().map(|(about, acts)| Conversation::of(Some(&about), acts)).collect(),
    }
}

/// Waits until the model was asked for as many turns.
#[track_caller]
pub fn wait_for_turns(play: &Play, turns: usize) {
    wait_until(&format!("{turns} turns are asked for"), || play.turns().len() >= turns);
}

fn remember_files(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            remember_files(&path, files);
        } else {
            files.push((path.clone(), std::fs::read(path).expect("a file")));
        }
    }
}
