//! One child process: started in a group of its own, its output kept, waited for, and cleaned up after.
//!
//! # How it works
//!
//! Where nobody has to read the output, both streams go straight into the log file and cost us nothing. Where an
//! agent's streams have to be understood, a reader thread looks at their lines and copies them into the log, harmless and
//! without secrets. They come through pipes, or, where the child is to go on without us, through files (see `kept_output`).
//! An ended child stays a zombie until its group has been told to end, so the group's number cannot be taken by a
//! stranger in between.

use super::bell::Bell;
use super::kept_output::{End, Follower, KeptOutput, Log, Reading};
use super::lines::Lines;
use super::process::{self, Among, GroupSignal};
use crate::domain::event::{Ending, ProcessId};
use crate::domain::recording::Stream;
use crate::domain::redact::{Redactor, SafeStream};
use crate::domain::words;
use crate::store::log_tail;
use crate::workspace::git::Behalf;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What to start.
#[derive(Debug)]
pub struct ChildSpec {
    /// Absolute, or looked up in the child's PATH.
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    pub cwd: PathBuf,
    /// Content of standard input; nothing where absent.
    pub stdin: Option<PathBuf>,
    /// Both streams are appended to it.
    pub log: PathBuf,
    /// Where its output is kept, for it to go on when we die; that is read line by line.
    pub kept: Option<KeptOutput>,
    /// Hides the child's secrets in what it says.
    pub words: Arc<Redactor>,
    pub grace: Duration,
    pub drain: Duration,
    /// Variables of its environment by which processes that left its group are known; they end with it.
    pub marks: Vec<String>,
}

/// Is told what the child does while it runs. Called from the slot's threads.
pub trait ChildNews: Send + Sync {
    /// The child runs.
    fn started(&self, process: ProcessId);
    /// Tells whether its output has to be read line by line.
    fn reads_lines(&self) -> bool;
    /// A line of its output.
    fn line(&self, stream: Stream, line: &str);
    /// What one had said that a dead crew process has left is told.
    fn caught_up(&self) {}
    /// The lines so far were those of its attempt's first child.
    fn first_has_ended(&self) {}
}

/// The handle by which a child is stopped from another thread.
#[derive(Debug, Default)]
pub struct Control {
    stage: Mutex<Stage>,
    /// It was to be killed: nobody waits any longer for what it left behind.
    hurried: Arc<AtomicBool>,
    /// It was to end, in one way or another.
    asked: Arc<AtomicBool>,
    /// The child, where it is not ours: a dead crew process has left it.
    left: Option<ProcessId>,
    /// Bytes of its output that were read, those included that are not in the log yet.
    heard: AtomicU64,
}

#[derive(Debug, Default, Clone, Copy)]
enum Stage {
    #[default]
    NotStarted,
    /// To be stopped as soon as it is started.
    Doomed(GroupSignal),
    Running(u32),
    Ended,
}

impl Control {
    /// Returns the handle of a child that a dead crew process has left at work.
    pub fn of_left(process: ProcessId) -> Control {
        let stage = Mutex::new(Stage::Running(process.pid));
        Control { stage, left: Some(process), ..Control::default() }
    }

    /// Tells whether it was to end.
    pub(super) fn is_to_end(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Returns for whom git is at work before there is a child: it ends when the child would.
    pub fn behalf(&self, marks: Vec<(String, String)>) -> Behalf {
        Behalf { marks, asked: self.asked.clone(), unwanted: self.hurried.clone() }
    }

    /// Sends a signal to the child's group. A child that has ended is left alone; one that is not yet there gets it as
    /// soon as it is.
    pub fn signal(&self, signal: GroupSignal) {
        self.asked.store(true, Ordering::Relaxed);
        self.hurried.fetch_or(signal == GroupSignal::Kill, Ordering::Relaxed);
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match *stage {
            Stage::NotStarted | Stage::Doomed(_) => *stage = Stage::Doomed(signal),
            Stage::Running(pid) => match &self.left {
                Some(left) => process::signal_left(left, signal),
                None => process::signal_group(pid, signal),
            },
            Stage::Ended => {}
        }
    }

    /// Returns the signal that a child will get as soon as it is started.
    pub fn awaited_stop(&self) -> Option<GroupSignal> {
        match *self.stage.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::Doomed(signal) => Some(signal),
            Stage::NotStarted | Stage::Running(_) | Stage::Ended => None,
        }
    }

    /// Takes note that so many bytes of its output were read.
    pub(super) fn note_heard(&self, bytes: usize) {
        self.heard.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns how many bytes of its output were read.
    pub fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Tells whether the child has ended, although what it left may still be looked at.
    pub fn has_ended(&self) -> bool {
        matches!(*self.stage.lock().unwrap_or_else(PoisonError::into_inner), Stage::Ended)
    }

    pub(super) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Relaxed)
    }

    fn note_started(&self, pid: u32) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Doomed(signal) = *stage {
            process::signal_group(pid, signal);
        }
        *stage = Stage::Running(pid);
    }

    /// Marks the end before the pid is given back, so that no signal can meet a stranger.
    pub(super) fn note_ended(&self) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Stage::Ended;
    }
}

/// Starts a child and returns when it, its group and its output have come to an end.
pub fn run(spec: &ChildSpec, control: &Control, news: Arc<dyn ChildNews>) -> Ending {
    let begun = Instant::now();
    let (program, cwd) = (spec.program.display(), spec.cwd.display());
    let mut ending = match start(spec, news.reads_lines()) {
        Ok(started) => {
            tracing::info!(%program, pid = started.pid, folder = %cwd, log = %spec.log.display(), "a child started");
            control.note_started(started.pid);
            supervise(spec, control, &*news, started)
        }
        Err(error) => {
            tracing::warn!(%program, folder = %cwd, %error, "a child could not be started");
            control.note_ended();
            let not_found = error.kind() == io::ErrorKind::NotFound;
            let no_room = lacks_room(&error);
            Ending { not_started: Some(error.to_string()), not_found, no_room, ..Ending::default() }
        }
    };
    ending.millis = begun.elapsed().as_millis() as u64;
    ending.output_bytes = std::fs::metadata(&spec.log).map_or(0, |log| log.len());
    let Ending { exit, signal, millis: ms, output_bytes, left_behind, .. } = ending;
    tracing::info!(%program, exit, signal, ms, output_bytes, left_behind, "a child ended");
    ending
}

/// Tells whether what could not be started may be later, when others have ended.
fn lacks_room(error: &io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM].map(|errno| errno.raw_os_error());
    error.raw_os_error().is_some_and(|number| lacks.contains(&number))
}

struct Started {
    pid: u32,
    said: Said,
}

/// Where what a child says is read.
enum Said {
    Nowhere,
    Pipes(Output),
    Kept(Reading),
}

/// What a child says, and the log that it is copied to.
struct Output {
    pipes: Vec<(Stream, File)>,
    log: File,
    /// It is rung when nobody wants to hear more.
    given_up: Bell,
}

fn start(spec: &ChildSpec, read_lines: bool) -> io::Result<Started> {
    let log = OpenOptions::new().create(true).append(true).open(&spec.log)?;
    let stdin = match &spec.stdin {
        Some(path) => Stdio::from(File::open(path)?),
        None => Stdio::null(),
    };
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).env_clear().envs(spec.env.iter().map(|(name, value)| (name, value)));
    command.current_dir(&spec.cwd).process_group(0).stdin(stdin);
    if !read_lines {
        let pid = command.stderr(log.try_clone()?).stdout(log).spawn()?.id();
        return Ok(Started { pid, said: Said::Nowhere });
    }
    if let Some(kept) = &spec.kept {
        let made = kept.make(&spec.env).and_then(|to| Ok((to, Reading::begin(kept, log.try_clone()?)?)));
        match made {
            Ok(((output, error), reading)) => {
                let pid = command.stdout(output).stderr(error).spawn()?.id();
                return Ok(Started { pid, said: Said::Kept(reading) });
            }
            // Where they cannot be made, a pipe will do; then it does not go on without us.
            Err(_) => kept.remove(),
        }
    }
    let given_up = Bell::new()?;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut pipes = Vec::new();
    if let (Some(output), Some(error)) = (child.stdout.take(), child.stderr.take()) {
        widen(&output);
        pipes.push((Stream::Output, OwnedFd::from(output).into()));
        pipes.push((Stream::Error, OwnedFd::from(error).into()));
    }
    Ok(Started { pid: child.id(), said: Said::Pipes(Output { pipes, log, given_up }) })
}

/// Makes room in a pipe. Some agents exit without waiting until what they said last has been taken out of it.
#[cfg(target_os = "linux")]
fn widen(pipe: &impl std::os::fd::AsFd) {
    // The most that the system gives to anybody; where there is no more of it, the pipe stays as it is.
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, 1024 * 1024);
}

#[cfg(not(target_os = "linux"))]
fn widen(_pipe: &impl std::os::fd::AsFd) {}

fn supervise(spec: &ChildSpec, control: &Control, news: &dyn ChildNews, started: Started) -> Ending {
    let Started { pid, said } = started;
    let (output, growing, noted) = match said {
        Said::Nowhere => (None, Vec::new(), None),
        Said::Pipes(output) => (Some(output), Vec::new(), None),
        Said::Kept(Reading { log, streams }) => (None, streams, Some(log)),
    };
    // Reading /proc can only fail for a process that is gone, and ours stays at least as a zombie.
    if let Some(process) = process::identify(pid) {
        news.started(process);
    }
    let end = End::default();
    std::thread::scope(|scope| {
        let (output, end) = (&output, &end);
        let mut readers = Vec::new();
        if let Some(output) = output {
            readers.push(scope.spawn(move || read(output, &spec.words, control, news)));
        }
        for (growing, noted) in growing.into_iter().zip(noted.iter().cycle()) {
            let log = Log::new(noted, growing.stream, &spec.words, control);
            readers.push(scope.spawn(move || Follower::new(growing, log, news).follow(end)));
        }
        let ended = process::await_end(pid);
        control.note_ended();
        process::signal_group(pid, GroupSignal::End);
        let mut ending = ended.and_then(|()| process::reap(pid)).unwrap_or_default();
        ending.left_behind = end_group(pid, spec.grace, control);
        if !spec.marks.is_empty() {
            ending.left_behind |=
                process::end_marked(&spec.marks, Among::OurOrphans, spec.grace, || control.is_hurried()) > 0;
        }
        end.wait(&readers, spec.drain);
        // Somebody outside of the group holds the pipe; what it says later is not the child's.
        output.iter().for_each(|output| output.given_up.ring());
        ending
    })
}

/// Ends what is left of a group whose leader is gone. Tells whether anything was.
fn end_group(leader: u32, grace: Duration, control: &Control) -> bool {
    if !process::group_exists(leader) {
        return false;
    }
    let deadline = Instant::now() + grace;
    let mut killed: Option<Instant> = None;
    loop {
        process::reap_group(leader);
        if !process::group_exists(leader) {
            return true;
        }
        if Instant::now() >= deadline || control.is_hurried() {
            process::signal_group(leader, GroupSignal::Kill);
            // Where orphans do not come to us, the system's first process takes them away, soon.
            if killed.get_or_insert_with(Instant::now).elapsed() >= Duration::from_secs(2) {
                return true;
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One stream, as far as it has been read.
struct Tap<'a> {
    stream: Stream,
    pipe: &'a File,
    log: &'a File,
    safe: SafeStream,
    words: &'a Redactor,
    control: &'a Control,
    lines: Lines,
}

impl Tap<'_> {
    /// Takes what is there, and tells whether there may be more.
    fn take(&mut self, buffer: &mut [u8], news: &dyn ChildNews) -> bool {
        match self.pipe.read(buffer) {
            Ok(0) => false,
            Ok(count) => {
                let bytes = &buffer[..count];
                self.control.note_heard(count);
                let safe = self.safe.take(self.words, bytes);
                self.write(&safe);
                self.lines.feed(bytes, |line| news.line(self.stream, line));
                true
            }
            Err(error) => error.kind() == io::ErrorKind::Interrupted,
        }
    }

    fn close(&mut self, news: &dyn ChildNews) {
        let safe = self.safe.close(self.words);
        self.write(&safe);
        self.lines.close(|line| news.line(self.stream, line));
    }

    fn write(&mut self, safe: &str) {
        // A full disk must not stall the child; the dispatcher meets it at its next commit.
        let _ = self.log.write_all(safe.as_bytes());
    }
}

/// Copies what a child says into the log and hands on its lines, until its streams end or are given up. It is not woken
/// for anything else: hundreds of children that say nothing cost nothing.
fn read(output: &Output, words: &Redactor, control: &Control, news: &dyn ChildNews) {
    let mut taps: Vec<Tap<'_>> = Vec::new();
    for (stream, pipe) in &output.pipes {
        let (safe, lines) = (SafeStream::default(), Lines::default());
        taps.push(Tap { stream: *stream, pipe, log: &output.log, safe, words, control, lines });
    }
    let mut buffer = vec![0; 64 * 1024];
    while !taps.is_empty() {
        let pipes = taps.iter().map(|tap| PollFd::new(tap.pipe, PollFlags::IN));
        let mut waits: Vec<PollFd<'_>> =
            pipes.chain([PollFd::new(&output.given_up, PollFlags::IN)]).collect();
        if poll(&mut waits, None).is_err_and(|error| error != Errno::INTR) {
            break;
        }
        let ready: Vec<bool> = waits.iter().map(|wait| !wait.revents().is_empty()).collect();
        if ready.last() == Some(&true) {
            break;
        }
        let mut ready = ready.into_iter();
        taps.retain_mut(|tap| {
            let goes_on = ready.next() != Some(true) || tap.take(&mut buffer, news);
            if !goes_on {
                tap.close(news);
            }
            goes_on
        });
    }
    taps.iter_mut().for_each(|tap| tap.close(news));
}

/// Returns the last line of a log that says something, for people who watch; at most about
/// `most` bytes are looked at.
pub fn last_line(log: &Path, words: &Redactor, most: u64) -> Option<String> {
    let tail = log_tail::safe_tail(log, words, most)?;
    Some(words::last_line(&tail)).filter(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[derive(Default)]
    struct Heard {
        reads: bool,
        lines: Mutex<Vec<String>>,
        pid: AtomicU64,
    }

    impl ChildNews for Heard {
        fn started(&self, process: ProcessId) {
            self.pid.store(u64::from(process.pid), Ordering::SeqCst);
        }
        fn reads_lines(&self) -> bool {
            self.reads
        }
        fn line(&self, stream: Stream, line: &str) {
            if stream == Stream::Output {
                self.lines.lock().unwrap().push(line.to_owned());
            }
        }
    }

    fn shell(folder: &Path, script: &str) -> ChildSpec {
        ChildSpec {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: folder.into(),
            stdin: None,
            log: folder.join("log"),
            kept: None,
            words: Arc::default(),
            grace: Duration::from_millis(300),
            drain: Duration::from_millis(300),
            marks: Vec::new(),
        }
    }

    fn run_shell(script: &str, reads: bool) -> (Ending, Arc<Heard>, String) {
        let folder = tempfile::tempdir().unwrap();
        let heard = Arc::new(Heard { reads, ..Heard::default() });
        let ending = run(&shell(folder.path(), script), &Control::default(), heard.clone());
        let log = std::fs::read(folder.path().join("log")).unwrap();
        (ending, heard, String::from_utf8_lossy(&log).into_owned())
    }

    #[test]
    fn both_streams_are_kept_and_only_standard_output_is_read() {
        let (ending, heard, log) = run_shell("echo out; echo err >&2; exit 3", true);
        assert_eq!(ending.exit, Some(3));
        assert_eq!(*heard.lines.lock().unwrap(), ["out"]);
        assert!(log.contains("out\n") && log.contains("err\n"), "{log}");
    }

    #[test]
    fn nothing_comes_in_on_standard_input() {
        let (ending, _, log) = run_shell("cat; echo end", false);
        assert_eq!((ending.exit, log.as_str()), (Some(0), "end\n"));
    }

    #[test]
    fn a_grandchild_that_holds_the_pipe_is_ended_with_its_group() {
        process::adopt_orphans();
        let begun = Instant::now();
        let (ending, heard, _) = run_shell("echo first; (trap '' TERM; sleep 60) & exit 0", true);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(ending.left_behind);
        assert_eq!((ending.exit, heard.lines.lock().unwrap().len()), (Some(0), 1));
        assert!(!process::group_exists(heard.pid.load(Ordering::SeqCst) as u32));
    }

    #[test]
    fn a_child_that_is_stopped_before_it_starts_does_not_live() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::default();
        control.signal(GroupSignal::Kill);
        let ending = run(&shell(folder.path(), "sleep 60"), &control, Arc::new(Heard::default()));
        assert_eq!(ending.signal, Some(9));
    }

    #[test]
    fn a_missing_program_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let spec = ChildSpec { program: folder.path().join("none"), ..shell(folder.path(), "") };
        let ending = run(&spec, &Control::default(), Arc::new(Heard::default()));
        assert!(ending.not_started.unwrap().contains("No such file"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_last_words_of_a_child_fit_into_its_pipe() {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        widen(&reader);
        assert_eq!(rustix::io::write(&writer, &vec![b'x'; 500_000]), Ok(500_000));
    }
}
