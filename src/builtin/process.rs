//! One shell command in a process group of its own, which never outlives the call that started it.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How far a command may go.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Wall time of each command.
    pub time: Duration,
    /// How long a group may take to end after TERM, before KILL.
    pub grace: Duration,
    /// Bytes that each command may print.
    pub output: u64,
    /// How often progress is told.
    pub every: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            time: Duration::from_secs(20 * 60),
            grace: Duration::from_secs(5),
            output: 4 * 1024 * 1024 * 1024,
            every: Duration::from_secs(1),
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    OutOfTime,
    TooMuchOutput,
    /// Because the caller itself was asked to end.
    Stopped,
}

/// What is known about a command that ran.
#[derive(Debug)]
pub(super) struct Ran {
    pub end: End,
    pub took: Duration,
    pub output: Output,
}

/// What a command printed, stdout and stderr in one, in a file without a name.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
}

impl Output {
    /// Returns how much was printed so far, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |file| file.len())
    }

    /// Returns the last `max` bytes.
    pub(super) fn tail(&self, max: u64) -> Vec<u8> {
        self.read(self.len().saturating_sub(max), max)
    }

    /// Returns at most `max` bytes from `start` on.
    pub(super) fn read(&self, start: u64, max: u64) -> Vec<u8> {
        let len = self.len().saturating_sub(start).min(max);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        let mut filled = 0;
        // Read by position: the child writes at the offset that we share with it.
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], start + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        bytes.truncate(filled);
        bytes
    }
}

/// Runs a command through the shell in `dir` until it ends or a limit does.
///
/// `told` is called once in [`Limits::every`] with the time gone by and the output so far. An error means that
/// nothing was started.
pub(super) fn run(
    command: &str,
    dir: &Path,
    limits: &Limits,
    stop: &AtomicBool,
    told: &mut dyn FnMut(Duration, &Output),
) -> io::Result<Ran> {
    let output = Output { file: tempfile::tempfile()? };
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(dir).stdin(Stdio::null());
    shell.stdout(output.file.try_clone()?).stderr(output.file.try_clone()?);
    shell.process_group(0);
    // What a repository's own tests do is not the agent's doing: they cannot hand in for it.
    for secret in ["CREW_TOKEN", "CREW_INBOX", "CREW_CONTEXT"] {
        shell.env_remove(secret);
    }
    // Compiled files beside the sources would be a change of the folder that nobody asked for.
    shell.env("PYTHONDONTWRITEBYTECODE", "1");
    let start = Instant::now();
    let mut group = Group { leader: shell.spawn()?, ended: false };
    let cut = watch(&mut group, &output, limits, stop, start, told)?;
    let grace = match cut {
        // Whoever asked us to end is waiting too, and will not wait for long.
        Some(End::Stopped) => limits.grace.min(Duration::from_secs(1)),
        Some(_) => limits.grace,
        None => Duration::ZERO,
    };
    let status = group.end(cut.is_some(), grace)?;
    let end = cut.unwrap_or_else(|| end_of(status));
    Ok(Ran { end, took: start.elapsed(), output })
}

fn end_of(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signalled(signal.unwrap_or(0)),
    }
}

/// Waits until the leader has ended, or returns why it has to be ended.
fn watch(
    group: &mut Group,
    output: &Output,
    limits: &Limits,
    stop: &AtomicBool,
    start: Instant,
    told: &mut dyn FnMut(Duration, &Output),
) -> io::Result<Option<End>> {
    let mut pause = Pause::new();
    let mut next_word = limits.every;
    while !group.leader_has_ended()? {
        let gone = start.elapsed();
        if stop.load(Ordering::Relaxed) {
            return Ok(Some(End::Stopped));
        }
        if gone >= limits.time {
            return Ok(Some(End::OutOfTime));
        }
        if output.len() > limits.output {
            return Ok(Some(End::TooMuchOutput));
        }
        if gone >= next_word {
            told(gone, output);
            next_word = gone + limits.every;
        }
        pause.sleep();
    }
    Ok(None)
}

/// Sleeps a little longer each time: short commands are seen at once, long ones cost nothing.
struct Pause(Duration);

impl Pause {
    fn new() -> Pause {
        Pause(Duration::from_millis(2))
    }

    fn sleep(&mut self) {
        sleep(self.0);
        self.0 = (self.0 * 2).min(Duration::from_millis(100));
    }
}

/// A child with everything that it starts in its group. Dropped, the group is killed.
struct Group {
    leader: Child,
    ended: bool,
}

impl Group {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.leader)
    }

    /// Looks whether the leader has ended, but leaves it to be waited for.
    ///
    /// Until then its number can't be given to another process, so that a signal to the group reaches nobody else.
    fn leader_has_ended(&self) -> io::Result<bool> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(self.pid()), look) {
            Ok(seen) => Ok(seen.is_some()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the group: politely where its leader still runs, and for good in any case.
    fn end(&mut self, politely: bool, grace: Duration) -> io::Result<ExitStatus> {
        if politely {
            self.signal(Signal::TERM);
            let start = Instant::now();
            let mut pause = Pause::new();
            while start.elapsed() < grace && !self.leader_has_ended()? {
                pause.sleep();
            }
        }
        self.signal(Signal::KILL);
        let status = self.leader.wait()?;
        self.ended = true;
        Ok(status)
    }

    fn signal(&self, signal: Signal) {
        // It fails where nobody is left to get it.
        let _ = kill_process_group(self.pid(), signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.ended {
            self.signal(Signal::KILL);
            let _ = self.leader.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use tempfile::TempDir;

    fn quick() -> Limits {
        Limits { time: Duration::from_secs(20), grace: Duration::from_millis(300), ..Limits::default() }
    }

    fn run_in(dir: &TempDir, command: &str, limits: &Limits) -> Ran {
        run(command, dir.path(), limits, &AtomicBool::new(false), &mut |_, _| {}).unwrap()
    }

    /// Waits for a file with the numbers of processes in it, then says which of them still live.
    fn living(list: &PathBuf) -> Vec<i32> {
        let pids = std::fs::read_to_string(list).unwrap();
        let pids: Vec<i32> = pids.lines().map(|line| line.trim().parse().unwrap()).collect();
        assert!(pids.len() >= 2, "{pids:?}");
        pids.into_iter().filter(|pid| is_alive(*pid)).collect()
    }

    fn is_alive(pid: i32) -> bool {
        // One that nobody has waited for yet is a zombie, not alive.
        let asked = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
        let state = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    }

    const STUBBORN: &str = "trap '' TERM; echo $$ > pids; \
        (trap '' TERM; while :; do sleep 0.1; done) & echo $! >> pids; while :; do sleep 0.1; done";

    #[test]
    fn both_streams_are_kept_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let ran = run_in(&dir, "echo one; echo two >&2; echo three; exit 3", &quick());
        assert_eq!(ran.end, End::Exited(3));
        assert_eq!(ran.output.tail(99), b"one\ntwo\nthree\n");
        assert_eq!(ran.output.tail(6), b"three\n");
    }

    #[test]
    fn nobody_survives_the_time_limit() {
        let dir = tempfile::tempdir().unwrap();
        let ran = run_in(&dir, STUBBORN, &Limits { time: Duration::from_secs(3), ..quick() });
        assert_eq!(ran.end, End::OutOfTime);
        assert!(ran.took < Duration::from_secs(7), "{:?}", ran.took);
        assert_eq!(living(&dir.path().join("pids")), Vec::<i32>::new());
    }

    #[test]
    fn a_polite_command_ends_within_its_grace() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { time: Duration::from_secs(3), grace: Duration::from_secs(20), ..quick() };
        let ran = run_in(&dir, "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done", &limits);
        assert_eq!((ran.end, ran.output.tail(4)), (End::OutOfTime, b"bye\n".to_vec()));
        assert!(ran.took < Duration::from_secs(12), "{:?}", ran.took);
    }

    #[test]
    fn nobody_survives_when_the_caller_is_asked_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(false);
        let limits = Limits { every: Duration::from_millis(20), ..quick() };
        let pids = dir.path().join("pids");
        // Asked once both processes are there.
        let mut told = |_, _: &Output| {
            let written = std::fs::read_to_string(&pids).unwrap_or_default();
            stop.store(written.lines().count() == 2, Ordering::Relaxed);
        };
        let ran = run(STUBBORN, dir.path(), &limits, &stop, &mut told).unwrap();
        assert_eq!(ran.end, End::Stopped);
        assert_eq!(living(&pids), Vec::<i32>::new());
    }

    #[test]
    fn nobody_survives_a_panic_of_the_caller() {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let limits = Limits { every: Duration::from_millis(20), ..quick() };
        let mut told = |_, _: &Output| {
            let written = std::fs::read_to_string(&pids).unwrap_or_default();
            assert!(written.lines().count() < 2, "on purpose");
        };
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(STUBBORN, dir.path(), &limits, &AtomicBool::new(false), &mut told)
        }));
        assert!(panicked.is_err());
        assert_eq!(living(&pids), Vec::<i32>::new());
    }

    #[test]
    fn what_is_left_in_the_background_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let ran = run_in(&dir, "echo $$ > pids; sleep 60 & echo $! >> pids; exit 0", &quick());
        assert_eq!(ran.end, End::Exited(0));
        assert!(start.elapsed() < Duration::from_secs(10));
        assert_eq!(living(&dir.path().join("pids")), Vec::<i32>::new());
    }

    #[test]
    fn a_flood_is_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let ran = run_in(&dir, "yes", &Limits { output: 100_000, ..quick() });
        assert_eq!(ran.end, End::TooMuchOutput);
    }

    #[test]
    fn a_signal_is_no_exit() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run_in(&dir, "kill -SEGV $$", &quick()).end, End::Signalled(11));
    }

    #[test]
    fn stdin_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run_in(&dir, "cat", &quick()).end, End::Exited(0));
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        assert!(run("true", &gone, &quick(), &AtomicBool::new(false), &mut |_, _| {}).is_err());
    }
}
