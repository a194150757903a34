//! The one place where `git` is started.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What went wrong when git was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git could not be started: {0}")]
    NotStarted(#[source] io::Error),
    #[error("`git {command}` failed: {message}")]
    Failed { command: String, message: String },
    #[error("what `git {command}` says could not be read: {source}")]
    Unreadable { command: String, source: io::Error },
    #[error("`git {command}` did not end within {} s", .limit.as_secs_f64())]
    TooLong { command: String, limit: Duration },
    #[error("`git {command}` was ended, because nobody waits for it any more")]
    Unwanted { command: String },
}

/// Git in one folder.
#[derive(Clone, Debug)]
pub struct Git {
    dir: PathBuf,
    /// Variables to set, beside those that are always set.
    env: Vec<(OsString, OsString)>,
    /// Settings of git, which come before those of any file and any variable.
    settings: Vec<OsString>,
    /// In a process group of its own, so that a ctrl-C at the terminal is not meant for it.
    apart: bool,
    /// In a session of its own, so that nothing that it starts can ask anybody at the terminal.
    unasking: bool,
    /// How long a call may take whose whole answer is waited for.
    limit: Option<Duration>,
    /// How many bytes of its last words are kept.
    heard: u64,
    /// A file that each call holds open, with whatever it starts, until all of them have ended.
    held: Option<Arc<File>>,
    /// Once it is true, a call is asked to end.
    asked: Option<Arc<AtomicBool>>,
    /// Once it is true, nobody waits for an answer.
    unwanted: Option<Arc<AtomicBool>>,
}

/// For whom git is at work that may take minutes.
#[derive(Clone, Debug, Default)]
pub struct Behalf {
    /// Variables by which what a dead crew process has left at work is known.
    pub marks: Vec<(String, String)>,
    /// Once it is true, a call is asked to end, with all that it has started.
    pub asked: Arc<AtomicBool>,
    /// Once it is true, it is killed.
    pub unwanted: Arc<AtomicBool>,
}

/// The most characters of a call that an error tells.
const MAX_SPOKEN: usize = 100;

/// How much of git's last words is kept, in bytes.
const LAST_WORDS: u64 = 4096;
/// How often a call that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long is waited at first for the end of one that has said all.
const SOON: Duration = Duration::from_micros(50);
/// How long is listened after a git's end to whoever else holds its streams.
const DRAIN: Duration = Duration::from_millis(500);

/// Tells whether a variable of git is the user's word on who they are and how their git is set up. All others are taken
/// away: a caller's GIT_DIR or GIT_INDEX_FILE would send us to another repository, and some change what git prints.
fn is_the_users(variable: &str) -> bool {
    const SETTINGS: &[&str] = &["GLOBAL", "SYSTEM", "NOSYSTEM", "COUNT"];
    const IDENTITY: &[&str] =
        &["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
    match variable.strip_prefix("GIT_CONFIG_") {
        Some(rest) => SETTINGS.contains(&rest) || rest.starts_with("KEY_") || rest.starts_with("VALUE_"),
        None => IDENTITY.contains(&variable) || ["GIT_EXEC_PATH", "GIT_ATTR_NOSYSTEM"].contains(&variable),
    }
}

impl Git {
    /// Speaks to git in `dir`, which may be any folder of a work tree.
    pub fn at(dir: impl Into<PathBuf>) -> Git {
        Git {
            dir: dir.into(),
            env: Vec::new(),
            settings: Vec::new(),
            apart: false,
            unasking: false,
            limit: None,
            heard: LAST_WORDS,
            held: None,
            asked: None,
            unwanted: None,
        }
    }

    /// Sets a variable for every call.
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Git {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets a setting of git for every call: `core.fsync`, `none`.
    pub fn set(mut self, name: &str, value: impl AsRef<OsStr>) -> Git {
        let mut setting = OsString::from(name);
        setting.push("=");
        setting.push(value);
        self.settings.push(setting);
        self
    }

    /// Lets each call go on to its end when somebody types ctrl-C.
    pub fn apart(mut self) -> Git {
        self.apart = true;
        self
    }

    /// Takes each call back into the terminal's own process group, where it can ask for what a key needs, and ctrl-C is
    /// meant for it. One that is kept from the terminal stays so.
    pub fn asking(mut self) -> Git {
        self.apart = self.unasking;
        self
    }

    /// Keeps each call, apart, from the terminal: `ssh` would wait there for a password that nobody is asked for, since a
    /// process group in the background is stopped as soon as it reads.
    pub fn unasking(mut self) -> Git {
        self.apart = true;
        self.unasking = true;
        self
    }

    /// Ends each call whose whole answer is waited for after this time: git reads a pipe that is called `.gitignore` for
    /// ever.
    pub fn within(mut self, limit: Duration) -> Git {
        self.limit = Some(limit);
        self
    }

    /// Keeps this many bytes of what each call says beside its answer.
    pub fn hearing(mut self, bytes: u64) -> Git {
        self.heard = bytes;
        self
    }

    /// Lets each call, and whatever it starts, hold a file open, so that a lock on it lasts as long as any of them lives,
    /// whatever becomes of us. The first four bytes of the file become the number of its process group.
    pub fn holding(mut self, file: Arc<File>) -> Git {
        self.apart = true;
        self.held = Some(file);
        self
    }

    /// Speaks to the same git from another folder.
    pub fn in_folder(mut self, dir: impl Into<PathBuf>) -> Git {
        self.dir = dir.into();
        self
    }

    /// Ends each call whose whole answer is waited for once `unwanted` is true.
    pub fn unless(mut self, unwanted: Arc<AtomicBool>) -> Git {
        self.unwanted = Some(unwanted);
        self
    }

    /// Marks each call as somebody's, and ends each whose whole answer is waited for once they want it to end.
    pub fn on_behalf(mut self, whose: &Behalf) -> Git {
        self.env.extend(whose.marks.iter().map(|(name, value)| (name.into(), value.into())));
        self.asked = Some(whose.asked.clone());
        self.unless(whose.unwanted.clone())
    }

    /// Returns the folder in which git runs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            let known = name.to_string_lossy();
            if known.starts_with("GIT_") && !is_the_users(&known) {
                command.env_remove(name);
            }
        }
        // git localises its messages; we parse them, so we ask for C. Reading never takes the index lock.
        command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.arg("-C").arg(&self.dir).args(["-c", "core.quotePath=false"]);
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        command.stdin(Stdio::null());
        match (self.unasking, self.apart) {
            // SAFETY: setsid may be called between fork and exec, and nothing else is done there.
            (true, _) => drop(unsafe {
                command.pre_exec(|| rustix::process::setsid().map(|_| ()).map_err(Into::into))
            }),
            (false, true) => drop(command.process_group(0)),
            (false, false) => {}
        }
        if let Some(held) = self.held.clone() {
            // SAFETY: between fork and exec, two system calls are made and one for its own number; nothing is allocated.
            unsafe {
                command.pre_exec(move || {
                    let group = rustix::process::getpid().as_raw_nonzero().get().to_le_bytes();
                    rustix::io::pwrite(&*held, &group, 0)?;
                    Ok(rustix::io::fcntl_setfd(&*held, rustix::io::FdFlags::empty())?)
                });
            }
        }
        command
    }

    /// Runs git and returns all that it said, however it ended.
    pub fn output<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Output, GitError> {
        self.output_of(args, &[])
    }

    /// Runs git and returns what it printed, or an error with its last words.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        let output = self.output(args)?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(failed(args, &output)),
        }
    }

    /// Runs git with `input` on its stdin and returns what it printed. Exit code 1 is an answer too.
    pub fn answer<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let output = self.output_of(args, input)?;
        match output.status.code() {
            Some(0 | 1) => Ok(output.stdout),
            _ => Err(failed(args, &output)),
        }
    }

    /// Runs git to its end, with `input` on its stdin, and no longer than the limit where there is one.
    fn output_of<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<Output, GitError> {
        let mut command = self.command();
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !input.is_empty() {
            command.stdin(Stdio::piped());
        }
        let began = Instant::now();
        let mut child = command.spawn().map_err(GitError::NotStarted)?;
        if let Some(mut stdin) = child.stdin.take() {
            let input = input.to_vec();
            // Apart, so that an answer that is longer than a pipe holds does not wait for a question that is. A git that ends
            // early has said why; that it did not read on is no news.
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let (mut answer, mut words) =
            (Heard::new(child.stdout.take(), u64::MAX), Heard::new(child.stderr.take(), self.heard));
        let unreadable = |source| GitError::Unreadable { command: spoken(args), source };
        let (status, stopped) = match self.hear_out(&mut child, &mut answer, &mut words) {
            Ok(ended) => ended,
            Err(source) => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(unreadable(source));
            }
        };
        tracing::debug!(
            command = spoken(args), exit = told(&status), ms = began.elapsed().as_millis() as u64,
            folder = %self.dir.display(), "git"
        );
        match stopped {
            Stopped::Killed if is_set(&self.unwanted) => Err(GitError::Unwanted { command: spoken(args) }),
            Stopped::Killed => {
                let limit = self.limit.unwrap_or(Duration::MAX);
                Err(GitError::TooLong { command: spoken(args), limit })
            }
            Stopped::Asked if !status.success() => Err(GitError::Unwanted { command: spoken(args) }),
            Stopped::Asked | Stopped::No => Ok(Output { status, stdout: answer.kept, stderr: words.kept }),
        }
    }

    /// Hears what a git says until it has ended, and sees to it that it does. Whoever it leaves behind may hold its streams
    /// as long as they like: a filter's server, for instance.
    fn hear_out(
        &self,
        child: &mut Child,
        answer: &mut Heard<ChildStdout>,
        words: &mut Heard<ChildStderr>,
    ) -> io::Result<(ExitStatus, Stopped)> {
        let (began, limit) = (Instant::now(), self.limit.unwrap_or(Duration::MAX));
        let mut stopped = Stopped::No;
        let mut ended: Option<(ExitStatus, Instant)> = None;
        let mut wait = SOON;
        loop {
            let is_open = hear(answer, words, LOOK)?;
            if ended.is_none() {
                ended = child.try_wait()?.map(|status| (status, Instant::now()));
            }
            match ended {
                Some((status, at)) if !is_open || at.elapsed() >= DRAIN => return Ok((status, stopped)),
                Some(_) => continue,
                None => {}
            }
            // Nobody has waited for it yet, so the number is still its own.
            if began.elapsed() >= limit || is_set(&self.unwanted) {
                signal(child.id(), self.apart, Signal::KILL);
                return Ok((child.wait()?, Stopped::Killed));
            }
            if stopped == Stopped::No && is_set(&self.asked) {
                signal(child.id(), self.apart, Signal::TERM);
                stopped = Stopped::Asked;
            }
            if !is_open {
                // It has said all, and ends at once as a rule.
                std::thread::sleep(wait);
                wait = (wait * 2).min(LOOK);
            }
        }
    }

    /// Runs a git that exits with 1 where it has found differences, and returns them.
    pub fn differences<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        self.answer(args, &[])
    }

    /// Returns the commit that each of the names stands for, as far as it stands for one. One git answers for all of them.
    pub fn commits(&self, names: &[&str]) -> Vec<Option<String>> {
        let asked: String = names.iter().map(|name| format!("{name}^{{commit}}\n")).collect();
        let answered = self.answer(&["cat-file", "--batch-check=%(objectname)"], asked.as_bytes());
        let answered = answered.map(|lines| String::from_utf8_lossy(&lines).into_owned()).unwrap_or_default();
        // Behind a name that stands for none it says that this is so.
        let found = answered.lines().map(|line| (!line.contains(' ')).then(|| line.to_owned()));
        let found: Vec<_> = found.collect();
        if found.len() == names.len() {
            return found;
        }
        // It stops at an object that is damaged; that keeps nobody from the others.
        let one =
            |name: &str| self.text(&["rev-parse", "--verify", "-q", &format!("{name}^{{commit}}")]).ok();
        names.iter().map(|name| one(name)).collect()
    }

    /// Tells whether a commit is part of the history of another one.
    pub fn is_ancestor(&self, older: &str, newer: &str) -> Result<bool, GitError> {
        let ended = self.fed(&["merge-base", "--is-ancestor", older, newer], &[])?;
        match ended.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(ended.failure),
        }
    }

    /// Runs git with `input` on its stdin to its end, however it ends.
    pub fn fed<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<Ended, GitError> {
        let output = self.output_of(args, input)?;
        let failure = failed(args, &output);
        Ok(Ended { code: output.status.code(), stdout: output.stdout, failure })
    }

    /// Starts git and returns its output as it comes, for answers too large to hold.
    ///
    /// What is written to [`GitStream::ask`] reaches its stdin.
    pub fn stream<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<GitStream, GitError> {
        let mut command = self.command();
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(GitError::NotStarted)?;
        let heard = self.heard;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(stderr)) = (stdout, stderr) else {
            return Err(GitError::NotStarted(io::Error::other("no pipe")));
        };
        tracing::debug!(command = spoken(args), folder = %self.dir.display(), "git is read as it speaks");
        let (say, words) = channel();
        std::thread::spawn(move || say.send(last_words(stderr, heard)));
        Ok(GitStream {
            command: spoken(args),
            child,
            stdin,
            stdout: BufReader::with_capacity(64 * 1024, stdout),
            last_words: words,
        })
    }

    /// Runs git and returns its output as text, without the line end.
    pub fn text<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.run(args)?).trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Runs git and returns the entries of its NUL-separated output.
    pub fn entries<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<String>, GitError> {
        let output = self.run(args)?;
        let entries = output.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        Ok(entries.map(|entry| String::from_utf8_lossy(entry).into_owned()).collect())
    }
}

/// How a git ended whose exit code is part of its answer.
#[derive(Debug)]
pub struct Ended {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    /// What to say where its code means that it failed.
    pub failure: GitError,
}

fn failed<S: AsRef<OsStr>>(args: &[S], output: &Output) -> GitError {
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let message = if message.is_empty() { output.status.to_string() } else { message };
    GitError::Failed { command: spoken(args), message }
}

/// How a call was stopped that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    No,
    Asked,
    Killed,
}

/// Kills the process group of a git that holds a file and that nobody waits for any more.
pub fn kill_holder(held: &File) {
    let mut group = [0; 4];
    if rustix::io::pread(held, &mut group, 0).is_ok_and(|read| read == group.len()) {
        let group = u32::from_le_bytes(group);
        // With these two numbers, others would be meant.
        if group > 1 {
            signal(group, true, Signal::KILL);
        }
    }
}

fn signal(pid: u32, group: bool, signal: Signal) {
    use rustix::process::{Pid, kill_process, kill_process_group};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    // It may have ended just now.
    let _ = if group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
}

fn spoken<S: AsRef<OsStr>>(args: &[S]) -> String {
    // Settings that we make for one call help nobody who reads of it.
    let mut args = args.iter().map(|arg| arg.as_ref().to_string_lossy());
    let mut words = Vec::new();
    while let Some(word) = args.next() {
        match word == "-c" {
            true => drop(args.next()),
            false => words.push(word),
        }
    }
    let words = words.join(" ");
    // Why it failed stands behind it, and is not to be cut off with it.
    match words.char_indices().nth(MAX_SPOKEN) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// Says how a call ended: `0`, `signal: 9 (SIGKILL)`.
fn told(status: &ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| code.to_string())
}

fn is_set(flag: &Option<Arc<AtomicBool>>) -> bool {
    flag.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// What is heard of a stream of git's. All of it is read, so that the writer never blocks, and the first bytes are kept.
struct Heard<S> {
    /// As long as somebody holds its other end.
    stream: Option<S>,
    kept: Vec<u8>,
    /// How many bytes are kept at most.
    most: u64,
}

impl<S: Read> Heard<S> {
    fn new(stream: Option<S>, most: u64) -> Heard<S> {
        Heard { stream, kept: Vec::new(), most }
    }

    /// Reads what is there.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        match stream.read(buffer) {
            Ok(0) => self.stream = None,
            Ok(count) => {
                let room = self.most.saturating_sub(self.kept.len() as u64);
                self.kept
                    .extend_from_slice(&buffer[..count.min(usize::try_from(room).unwrap_or(usize::MAX))]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Takes in what two streams say, and waits for it no longer than `most`. Tells whether one of them is still open.
fn hear<A: Read + AsFd, B: Read + AsFd>(
    one: &mut Heard<A>,
    other: &mut Heard<B>,
    most: Duration,
) -> io::Result<bool> {
    let is_ready = |ready: &PollFd<'_>| !ready.revents().is_empty();
    let (first, second) = {
        let mut waits = Vec::with_capacity(2);
        waits.extend(one.stream.as_ref().map(|stream| PollFd::new(stream, PollFlags::IN)));
        waits.extend(other.stream.as_ref().map(|stream| PollFd::new(stream, PollFlags::IN)));
        if waits.is_empty() {
            return Ok(false);
        }
        let most = Timespec { tv_sec: most.as_secs() as i64, tv_nsec: i64::from(most.subsec_nanos()) };
        match poll(&mut waits, Some(&most)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        let second = other.stream.is_some() && waits.last().is_some_and(is_ready);
        (one.stream.is_some() && waits.first().is_some_and(is_ready), second)
    };
    let mut buffer = [0; 16 * 1024];
    if first {
        one.take(&mut buffer)?;
    }
    if second {
        other.take(&mut buffer)?;
    }
    Ok(one.stream.is_some() || other.stream.is_some())
}

/// Reads everything, so that the writer never blocks, and keeps the first bytes of it.
fn last_words(mut stderr: impl Read, limit: u64) -> String {
    let mut kept = Vec::new();
    let _ = stderr.by_ref().take(limit).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// A git that is running; it is stopped when this is dropped.
#[derive(Debug)]
pub struct GitStream {
    command: String,
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    last_words: Receiver<String>,
}

impl GitStream {
    /// Writes one request to git's stdin.
    pub fn ask(&mut self, request: &[u8]) -> Result<(), GitError> {
        let Some(stdin) = &mut self.stdin else {
            return Err(self.unreadable(io::ErrorKind::BrokenPipe.into()));
        };
        stdin.write_all(request).and_then(|()| stdin.flush()).map_err(|error| self.unreadable(error))
    }

    /// Says that nothing more is asked.
    pub fn asked_all(&mut self) {
        drop(self.stdin.take());
    }

    /// Returns the error that says this stream could not be read.
    pub fn unreadable(&self, source: io::Error) -> GitError {
        GitError::Unreadable { command: self.command.clone(), source }
    }

    /// Waits for git to end, after its output was read to the end.
    pub fn finish(mut self) -> Result<(), GitError> {
        drop(self.stdin.take());
        let status = self.child.wait().map_err(|error| self.unreadable(error))?;
        if status.success() {
            return Ok(());
        }
        // Whoever it leaves behind may hold its stderr as long as they like.
        let words = self.last_words.recv_timeout(DRAIN).unwrap_or_default();
        let message = if words.is_empty() { status.to_string() } else { words };
        Err(GitError::Failed { command: self.command.clone(), message })
    }
}

impl Read for GitStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stdout.read(buffer)
    }
}

impl BufRead for GitStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.stdout.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.stdout.consume(amount);
    }
}

impl Drop for GitStream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_git_that_waits_for_ever_is_ended() {
        let tree = tempfile::tempdir().unwrap();
        let git = Git::at(tree.path()).apart().within(Duration::from_secs(600));
        git.run(&["init", "-q"]).unwrap();
        assert!(git.run(&["status"]).unwrap().starts_with(b"On branch"));
        let refused = git.run(&["rev-parse", "--verify", "nothing"]).unwrap_err().to_string();
        assert!(refused.contains("Needed a single revision"), "{refused}");
        let pipe = tree.path().join(".gitignore");
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        let late = git.within(Duration::from_millis(300)).run(&["add", "--all"]).unwrap_err().to_string();
        assert_eq!(late, "`git add --all` did not end within 0.3 s");
        let unwanted = Arc::new(AtomicBool::new(false));
        let patient = Git::at(tree.path()).apart().within(Duration::from_secs(600)).unless(unwanted.clone());
        assert!(patient.run(&["rev-parse", "--git-dir"]).is_ok());
        // The one that was killed leaves it, if it came so far.
        let _ = std::fs::remove_file(tree.path().join(".git/index.lock"));
        let adding = std::thread::spawn(move || patient.run(&["add", "--all"]));
        std::thread::sleep(Duration::from_millis(50));
        unwanted.store(true, Ordering::Relaxed);
        assert!(matches!(adding.join().unwrap(), Err(GitError::Unwanted { .. })));
    }

    #[test]
    fn nobody_waits_for_one_that_a_git_leaves_behind_with_its_streams() {
        let tree = tempfile::tempdir().unwrap();
        // A filter's server does so; the name of an alias is the shortest way.
        let git = Git::at(tree.path()).set("alias.leave", "!sleep 30 & echo $!; echo words >&2");
        let left = |said: &str| said.trim().parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
        let mut asked = vec![git.clone().output(&["leave"]).unwrap()];
        asked.push(git.clone().within(Duration::from_secs(600)).output(&["leave"]).unwrap());
        asked.push(git.unless(Arc::default()).output(&["leave"]).unwrap());
        for output in asked {
            assert!(output.status.success() && output.stderr == b"words\n", "{output:?}");
            let left = left(&String::from_utf8_lossy(&output.stdout));
            // It lives, so that it was not waited for.
            rustix::process::kill_process(left, Signal::KILL).unwrap();
        }
        let mut stream = Git::at(tree.path())
            .set("alias.leave", "!sleep 30 >/dev/null & echo $!; echo words >&2; exit 3")
            .stream(&["leave"])
            .unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        stream.finish().unwrap_err();
        rustix::process::kill_process(left(&said), Signal::KILL).unwrap();
    }
}
