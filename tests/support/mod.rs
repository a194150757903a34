//! A git repository to run crew in, with an environment of its own.
//!
//! The binary and the fake agent are the real programs. The environment is cleared, so that what is set outside of the
//! tests changes nothing; nothing outside of the test's own folder is touched.
#![allow(dead_code, reason = "the benchmark and the tests of real agents use a part of it")]

pub mod browser;
pub mod collector;
pub mod crowd;
#[cfg(target_os = "linux")]
pub mod faults;
pub mod folders;
pub mod large;
pub mod mounts;
pub mod terminal;

use serde_json::{Value, json};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// The binary under test.
pub const CREW: &str = env!("CARGO_BIN_EXE_crew");
/// The scripted agent.
pub const FAKE_AGENT: &str = env!("CARGO_BIN_EXE_fake-agent");

/// How long a test waits for something that has to come. Generous: machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing has to be written to the store before it is read once more.
const LOOK_ALL_THE_SAME: Duration = Duration::from_millis(500);

/// A git repository in a folder of its own, with an empty home beside it.
pub struct TestRepo {
    _folder: TempDir,
    pub root: PathBuf,
    pub home: PathBuf,
}

/// The first repository that a test made, for those that follow.
static FIRST: OnceLock<Made> = OnceLock::new();

/// The folders and files of a repository.
#[derive(Default)]
struct Made {
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub exit: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Fails the test unless the command ended with `exit`.
    #[track_caller]
    pub fn exits(self, exit: i32) -> Ran {
        assert_eq!(self.exit, exit, "\n-- stdout\n{}\n-- stderr\n{}", self.out, self.err);
        self
    }

    /// Returns what was printed as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

impl TestRepo {
    /// Makes a repository with one commit that holds `README.md`.
    pub fn new() -> TestRepo {
        let folder = tempfile::Builder::new().prefix(folders::PREFIX).tempdir_in(folders::place());
        let folder = folder.expect("a temporary folder");
        // The folder may be reached through a link (as on macOS); crew says the real path.
        let real = folder.path().canonicalize().expect("a real path");
        let repo = TestRepo { root: real.join("repo"), home: real.join("home"), _folder: folder };
        std::fs::create_dir_all(&repo.root).expect("a folder");
        std::fs::create_dir_all(&repo.home).expect("a folder");
        match FIRST.get() {
            Some(first) => repo.be_like(first),
            None => {
                repo.git(&["init", "-q", "-b", "main"]);
                repo.write("README.md", "A repository for tests.\n");
                repo.commit("begin");
                let _ = FIRST.set(repo.as_made());
            }
        }
        repo
    }

    /// Reads all that there is of a repository that was just made, but for git's examples of hooks.
    fn as_made(&self) -> Made {
        let (mut made, mut folders) = (Made::default(), vec![self.root.clone()]);
        while let Some(folder) = folders.pop() {
            made.folders.push(folder.strip_prefix(&self.root).expect("below").to_owned());
            for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    folders.push(path);
                } else if path.extension().is_none_or(|ending| ending != "sample") {
                    let name = path.strip_prefix(&self.root).expect("below").to_owned();
                    made.files.push((name, std::fs::read(&path).expect("a file")));
                }
            }
        }
        made
    }

    /// Writes what another repository is: that takes one git where four would be started to make it.
    fn be_like(&self, made: &Made) {
        for folder in &made.folders {
            std::fs::create_dir_all(self.root.join(folder)).expect("a folder");
        }
        for (name, content) in &made.files {
            std::fs::write(self.root.join(name), content).expect("a file");
        }
        // The index says of each file where it lies.
        self.git(&["update-index", "-q", "--refresh"]);
    }

    /// Runs git here.
    pub fn git(&self, args: &[&str]) -> String {
        let output = self
            .plain("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"])
            .args(args)
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// Writes a file of the repository.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// Writes a workflow of the user, which needs no trust.
    pub fn workflow(&self, name: &str, steps: &str) {
        let path = self.home.join(".config/crew/workflows").join(format!("{name}.workflow.md"));
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, format!("---\nname: {name}\ndescription: A test\n---\n\n{steps}\n"))
            .expect("a file");
    }

    /// Makes the fake agent an agent of the user, with a script. Its prompt is its last argument.
    pub fn agent(&self, name: &str, script: &str) {
        self.agent_with(name, script, json!({"prompt": "argument", "output": "text"}));
    }

    /// Makes the fake agent an agent of the user, with a script and how it is spoken to.
    pub fn agent_with(&self, name: &str, script: &str, how: Value) {
        let mut settings = self.settings();
        let mut agent = how;
        agent["command"] = json!(format!("{FAKE_AGENT} {script} --"));
        agent["writes"] = json!(true);
        settings["agents"][name] = agent;
        self.put_settings(&settings);
    }

    /// Makes the fake agent an agent of the user that speaks the line protocol of crew.
    pub fn crew_agent(&self, name: &str, script: &str) {
        self.agent_with(name, script, json!({"prompt": "argument", "output": "crew"}));
    }

    /// Writes a workflow of one step that the fake agent does by a script; `keys` are further lines of the step.
    pub fn one_step(&self, keys: &str, script: &str) {
        self.agent("fake", script);
        self.workflow("one", &format!("## work\nrole: executor\nagent: fake\n{keys}\n\nDo it."));
    }

    /// The same, with an agent that speaks the line protocol of crew.
    pub fn one_step_in_protocol(&self, keys: &str, script: &str) {
        self.crew_agent("fake", script);
        self.workflow("one", &format!("## work\nrole: executor\nagent: fake\n{keys}\n\nDo it."));
    }

    /// Sets a setting of the user: `set("limits", "jobs", 2)`.
    pub fn set(&self, section: &str, name: &str, value: Value) {
        let mut settings = self.settings();
        settings[section][name] = value;
        self.put_settings(&settings);
    }

    fn settings(&self) -> Value {
        let text = std::fs::read_to_string(self.home.join(".config/crew/config.json"));
        text.map_or_else(|_| json!({}), |text| serde_json::from_str(&text).expect("settings"))
    }

    fn put_settings(&self, settings: &Value) {
        let path = self.home.join(".config/crew/config.json");
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, settings.to_string()).expect("settings");
    }

    /// A command in the repository, with nothing of our environment but PATH.
    pub fn plain(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).env_clear().stdin(Stdio::null());
        // SAFETY: `signal` may be called between fork and exec. Whoever started the tests in the background has had
        // ctrl-C ignored, and crew leaves alone what is ignored when it starts.
        unsafe {
            command.pre_exec(|| {
                for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                Ok(())
            });
        }
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.home).env("LANG", "C.UTF-8");
        command.env("TMPDIR", self.home.parent().expect("a parent"));
        command
    }

    /// A crew command, to be changed before it runs.
    pub fn command<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.plain(CREW);
        command.args(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        command
    }

    /// Runs crew to its end.
    pub fn crew<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        ran(self.command(args).output().expect("crew runs"))
    }

    /// Starts crew and lets it run.
    pub fn start<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Running {
        let mut command = self.command(args);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("crew starts");
        Running { child: Some(child) }
    }

    /// Starts crew and lets it run, with its standard output in a file that can be read meanwhile.
    pub fn start_into<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>, path: &Path) -> Running {
        let file = std::fs::File::create(path).expect("a file");
        let mut command = self.command(args);
        let child = command.stdout(file).stderr(Stdio::piped()).spawn().expect("crew starts");
        Running { child: Some(child) }
    }

    /// Starts a workflow and lets it run.
    pub fn start_run(&self, workflow: &str) -> Running {
        self.start(["run", "the goal", "--workflow", workflow, "--json"])
    }

    /// Makes a file outside of the repository that agents can wait for to go; it goes with the test at the latest.
    pub fn gate(&self, name: &str) -> PathBuf {
        let path = self.beside(&format!("gate-{name}"));
        std::fs::write(&path, "").expect("a gate");
        path
    }

    /// Lets those go on who wait at a gate.
    pub fn open(&self, name: &str) {
        std::fs::remove_file(self.beside(&format!("gate-{name}"))).expect("a gate");
    }

    /// Names a file of the test's own folder, outside of the repository.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.home.parent().expect("a parent").join(name)
    }

    /// Carries out a workflow and returns the final JSON.
    #[track_caller]
    pub fn run_json(&self, workflow: &str, exit: i32) -> Value {
        self.crew(["run", "the goal", "--workflow", workflow, "--json"]).exits(exit).json()
    }

    /// Returns the events of the newest run.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let answer = self.crew(["events", "last", "--json"]).exits(0).json();
        answer["data"].as_array().expect("a list").clone()
    }

    /// Returns the events of the newest run as far as there are any yet.
    pub fn events_so_far(&self) -> Vec<Value> {
        let ran = self.crew(["events", "last", "--json"]);
        if ran.exit == 4 { Vec::new() } else { ran.json()["data"].as_array().expect("a list").clone() }
    }

    /// Waits until the newest run has an event that fits.
    #[track_caller]
    pub fn wait_for_event(&self, what: &str, fits: impl Fn(&Value) -> bool) {
        let (mut written, mut looked) = (None, Instant::now());
        wait_until(what, || {
            // A crew for each look would take the processor from the one that is waited for.
            let now = self.written();
            if written.as_ref() == Some(&now) && looked.elapsed() < LOOK_ALL_THE_SAME {
                return false;
            }
            (written, looked) = (Some(now), Instant::now());
            self.events_so_far().iter().any(&fits)
        });
    }

    /// Returns what changes whenever something is written to the store.
    fn written(&self) -> Vec<Option<(u64, SystemTime)>> {
        let of = |name: &str| {
            let file = std::fs::metadata(self.root.join(".crew").join(name)).ok()?;
            Some((file.len(), file.modified().ok()?))
        };
        ["crew.db", "crew.db-wal"].map(of).to_vec()
    }

    /// Waits until no process of this test is left.
    #[track_caller]
    pub fn leaves_no_process(&self) {
        let folder = self.home.parent().expect("a parent");
        wait_until("no process is left", || processes_with(folder).is_empty());
    }

    /// Returns the text of an artifact of the newest run.
    #[track_caller]
    pub fn artifact(&self, path: &str) -> String {
        let file = self.run_folder().join("artifacts").join(path);
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// Returns the kinds of the newest run's events, in their order.
    pub fn kinds(&self) -> Vec<String> {
        self.events().iter().map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect()
    }

    /// Returns the folder of the newest run.
    pub fn run_folder(&self) -> PathBuf {
        let status = self.crew(["status", "last", "--json"]).exits(0).json();
        self.root.join(".crew/runs").join(status["id"].as_str().expect("an id"))
    }

    /// Returns the log of a task's attempt in the newest run.
    pub fn log(&self, task: &str, attempt: u32) -> String {
        let log = self.run_folder().join(format!("logs/{task}.{attempt}.log"));
        String::from_utf8_lossy(&std::fs::read(log).expect("a log")).into_owned()
    }

    /// Waits until a file of the repository is there.
    #[track_caller]
    pub fn wait_for_file(&self, path: &str) {
        let path = self.root.join(path);
        wait_until(&format!("{} is there", path.display()), || path.exists());
    }
}

/// Ends all processes of a test when it is over, however it ends.
pub struct Sweep<'a>(pub &'a TestRepo);

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        for line in processes_with(self.0.home.parent().expect("a parent")) {
            let pid = line.split(' ').next().and_then(|pid| pid.parse::<i32>().ok());
            // SAFETY: it was given the folder of this test alone. One that has ended meanwhile is not there any more.
            pid.into_iter().for_each(|pid| unsafe {
                libc::kill(pid, libc::SIGKILL);
            });
        }
    }
}

/// A crew process that is running; killed when the test is over.
pub struct Running {
    child: Option<Child>,
}

impl Running {
    /// Takes over a crew process that was started in a manner of its own.
    pub fn of(child: Child) -> Running {
        Running { child: Some(child) }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Waits until it has seen to it that ctrl-C does not just end it.
    #[track_caller]
    pub fn catches_ctrl_c(&self) {
        wait_until("it looks on", || {
            let stat = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
            // The bit of SIGINT among the signals that it catches. Only Linux tells of it.
            let caught = stat.lines().find_map(|line| line.strip_prefix("SigCgt:\t"));
            caught.is_none_or(|caught| u64::from_str_radix(caught.trim(), 16).is_ok_and(|bits| bits & 2 != 0))
        });
    }

    /// Sends a signal to crew alone, as `kill` does.
    pub fn signal(&self, signal: i32) {
        // SAFETY: a signal to a child that has not been waited for.
        unsafe { libc::kill(self.pid() as i32, signal) };
    }

    /// Ends it without warning, as a machine that runs out of memory does.
    pub fn kill(mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
    }

    /// Tells whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().expect("it is not waited for").try_wait().expect("it is ours").is_some()
    }

    /// Returns the most memory that it held so far, in KiB (Linux; elsewhere nothing is known).
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    }

    /// Waits for its end, which has to come.
    #[track_caller]
    pub fn ends(mut self) -> Ran {
        // Its output is read meanwhile, so that a full pipe does not hold it up.
        let mut child = self.child.take().expect("it runs");
        let (out, err) = (child.stdout.take(), child.stderr.take());
        self.child = Some(child);
        let (out, err) = (std::thread::spawn(|| all_of(out)), std::thread::spawn(|| all_of(err)));
        wait_until("crew ends", || self.has_ended());
        let status = self.child.take().expect("it ran").wait().expect("crew ends");
        let read = |reader: std::thread::JoinHandle<Vec<u8>>| reader.join().expect("its output is read");
        ran(Output { status, stdout: read(out), stderr: read(err) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn all_of(stream: Option<impl std::io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        stream.read_to_end(&mut bytes).expect("a pipe");
    }
    bytes
}

fn ran(output: Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let exit = output.status.code().unwrap_or(-1);
    Ran { exit, out: text(&output.stdout), err: text(&output.stderr) }
}

/// Waits for something that has to come.
#[track_caller]
pub fn wait_until(what: &str, mut there: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the processes whose command line or environment mentions `needle` (Linux; elsewhere it finds none).
pub fn processes_with(needle: &Path) -> Vec<String> {
    let needle = needle.display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path();
        let is_pid = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        if !is_pid || entry.file_name().to_string_lossy() == std::process::id().to_string() {
            continue;
        }
        let read = |name: &str| {
            String::from_utf8_lossy(&std::fs::read(path.join(name)).unwrap_or_default()).into_owned()
        };
        if read("cmdline").contains(&needle) || read("environ").contains(&needle) {
            found.push(format!(
                "{} {}",
                entry.file_name().to_string_lossy(),
                read("cmdline").replace('\0', " ")
            ));
        }
    }
    found
}

/// Returns the events of a kind.
pub fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

/// Returns a task of a run's JSON.
#[track_caller]
pub fn task<'a>(run: &'a Value, id: &str) -> &'a Value {
    let tasks = run["tasks"].as_array().expect("tasks");
    tasks.iter().find(|task| task["id"] == id).unwrap_or_else(|| panic!("no task {id} in {run:#}"))
}

impl TestRepo {
    /// Writes a file of the user's configuration folder: `agents/mine.md`.
    pub fn put_user(&self, path: &str, content: &str) -> PathBuf {
        let path = self.home.join(".config/crew").join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, content).expect("a file of the user");
        path
    }

    /// The folder that is all of PATH in [`TestRepo::alone`].
    pub fn programs(&self) -> PathBuf {
        let folder = self.home.parent().expect("a parent").join("programs");
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Makes programs of this machine known to [`TestRepo::alone`], by a link each.
    pub fn link_programs(&self, names: &[&str]) {
        for name in names {
            let found = ["/usr/local/bin", "/usr/bin", "/bin", "/opt/homebrew/bin"]
                .into_iter()
                .map(|folder| Path::new(folder).join(name))
                .find(|path| path.exists())
                .unwrap_or_else(|| panic!("this machine has no {name}"));
            let link = self.programs().join(name);
            if !link.exists() {
                std::os::unix::fs::symlink(found, link).expect("a link");
            }
        }
    }

    /// Puts a shell script beside them.
    ///
    /// A shell writes it: a file that this process had open for writing might not be startable yet, because another
    /// test has just forked.
    pub fn program(&self, name: &str, script: &str) {
        let mut command = self.plain("/bin/sh");
        command.args(["-c", "cat >\"$1\" && chmod 755 \"$1\"", "sh"]).arg(self.programs().join(name));
        let mut shell = command.stdin(Stdio::piped()).spawn().expect("a shell");
        let mut stdin = shell.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut stdin, format!("#!/bin/sh\n{script}\n").as_bytes()).expect("a script");
        drop(stdin);
        assert!(shell.wait().expect("the shell ends").success());
    }

    /// A crew command on a machine that has git, a shell and the [`TestRepo::programs`], and nothing else.
    pub fn alone<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        self.link_programs(&["git", "sh"]);
        let mut command = self.command(args);
        command.env("PATH", self.programs());
        command
    }

    /// Fails the test if a run was recorded, or anything of one is there.
    #[track_caller]
    pub fn assert_no_run(&self) {
        assert!(!self.root.join(".crew/crew.db").exists(), "there is a store");
        assert!(!self.root.join(".crew/runs").exists(), "there is a folder for runs");
    }
}

/// Says what is left out because the counterpart of a test is not here. Where all of them have to be, that is a failure.
#[track_caller]
pub fn left_out(words: &str) {
    assert!(std::env::var_os("CREW_TESTS_WHOLE").is_none(), "{words}");
    eprintln!("skipped: {words}");
}

/// Finds a program under one of its names, or says what is left out because none is on PATH.
#[track_caller]
pub fn program_for(names: &[&str], left_out_for_it: &str) -> Option<PathBuf> {
    let found = names.iter().find_map(|name| which::which(name).ok());
    if found.is_none() {
        left_out(&format!("{} is not on PATH, so {left_out_for_it}", names[0]));
    }
    found
}

/// Runs a command to its end.
pub fn run_command(mut command: Command) -> Ran {
    ran(command.output().expect("it runs"))
}

/// Starts a command and lets it run.
pub fn start_command(mut command: Command) -> Running {
    Running { child: Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")) }
}

impl Ran {
    /// Returns the one error that was told as JSON: one line on standard error that is `{"error":{...}}`.
    #[track_caller]
    pub fn json_error(&self) -> Value {
        let errors = self.json_errors();
        assert_eq!(errors.len(), 1, "{}", self.err);
        errors.into_iter().next().expect("one")
    }

    /// Returns the errors that were told as JSON, and fails the test if anything else stands on standard error.
    #[track_caller]
    pub fn json_errors(&self) -> Vec<Value> {
        let lines = self.err.lines().filter(|line| !line.starts_with("run="));
        let errors = lines.map(|line| {
            let value: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{}", self.err));
            let object = value.as_object().expect("an object");
            assert_eq!(object.keys().collect::<Vec<_>>(), ["error"], "{line}");
            let error = &value["error"];
            let keys: Vec<&String> = error.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["code", "details", "hint", "message"], "{line}");
            assert!(error["code"].is_string() && error["message"].is_string(), "{line}");
            error.clone()
        });
        errors.collect()
    }

    /// Fails the test if either stream holds what a terminal would obey: control characters or hidden ones.
    #[track_caller]
    pub fn shows_nothing_hostile(&self) {
        for text in [&self.out, &self.err] {
            let hostile = |c: char| {
                (c.is_control() && c != '\n' && c != '\t')
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            };
            let at = text.char_indices().find(|(_, c)| hostile(*c));
            assert!(at.is_none(), "{at:?} in {text:?}");
        }
    }
}

impl TestRepo {
    /// Runs crew at a terminal where somebody types: each pair is what has to be shown, and what is typed then. Returns
    /// how it ended and all that was shown.
    pub fn at_terminal(&self, args: &[&str], typed: &[(&str, &str)]) -> (Option<i32>, String) {
        use std::io::{Read, Write};
        let (ours, theirs) = terminal::open_terminal(0, 0);
        let mut command = self.command(args);
        command.env("TERM", "xterm").env_remove("CI");
        command.stdin(theirs.try_clone().expect("a copy")).stdout(theirs.try_clone().expect("a copy"));
        let mut child = command.stderr(theirs).spawn().expect("crew starts");
        drop(command);
        let mut terminal = std::fs::File::from(ours);
        let (mut shown, mut done, mut typed) = (String::new(), 0, typed.iter());
        let mut next = typed.next();
        let mut bytes = [0; 4096];
        // Reading fails once nobody has the other end any more.
        while let Ok(length) = terminal
            .read(&mut bytes)
            .map_err(drop)
            .and_then(|length| (length > 0).then_some(length).ok_or(()))
        {
            shown.push_str(&String::from_utf8_lossy(&bytes[..length]));
            while let Some((words, line)) = next
                && let Some(at) = shown[done..].find(words)
            {
                done += at + words.len();
                terminal.write_all(format!("{line}\n").as_bytes()).expect("what is typed");
                next = typed.next();
            }
        }
        assert!(next.is_none(), "{next:?} was never asked for:\n{shown}");
        (child.wait().expect("it ends").code(), shown)
    }
}
