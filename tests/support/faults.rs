//! Faults on demand: a crew process that is killed, or whose call fails, at a call that the test chooses.
//!
//! The library `fixtures/faults.c` is preloaded into that one process; crew itself knows nothing of it, and nothing that
//! crew starts gets it. It sees the calls to the C library by which something is made to last (`open` where it makes a
//! file, `write`, `pwrite64`, `fsync`, `ftruncate64`, `rename`, `unlink`, `mkdir` ...) or is started (`posix_spawnp`,
//! `fork`). Linux only.

use super::TestRepo;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What happens at the call that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The process is killed before the call does anything.
    KillBefore,
    /// The process is killed when the call is done, before it hears of it.
    KillAfter,
    /// A write does a half of what it should, and the process is killed; another call is done.
    KillHalf,
    /// The call does nothing and fails with this error: `libc::ENOSPC`.
    Fail(i32),
}

/// Which calls are met, and how.
#[derive(Clone, Copy, Debug)]
pub struct Fault<'a> {
    /// Names of calls; none means any.
    pub calls: &'a [&'a str],
    /// What the path of the file has to hold: `crew.db`. Empty means any. That of a `fork` is `a process`.
    pub path: &'a str,
    /// The first of those calls that is met, counted from 1.
    pub at: usize,
    /// How many are met from there on; 0 means all that come.
    pub times: usize,
    pub then: Then,
}

impl Fault<'static> {
    /// The process is killed at its `at`th call of any kind, counted from 1.
    pub fn kill(at: usize, then: Then) -> Fault<'static> {
        Fault { calls: &[], path: "", at, times: 1, then }
    }
}

/// A call, as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    pub path: String,
    /// It writes the frame that ends a transaction of the store.
    pub commits: bool,
}

/// Returns the library, made once for all tests of a build.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = include_str!("../../fixtures/faults.c");
        let name = format!("faults-{}.so", &crew::store::artifacts::sha256(source.as_bytes())[..16]);
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if !library.exists() {
            // Beside, because another process of tests may make it at the same time.
            let beside = tempfile::Builder::new()
                .prefix("faults-")
                .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
                .expect("a folder");
            let (from, made) = (beside.path().join("faults.c"), beside.path().join("faults.so"));
            std::fs::write(&from, source).expect("a file");
            let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
            let args = ["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"];
            let compiled = Command::new(cc).args(args).arg(&made).arg(&from).arg("-ldl").status();
            assert!(compiled.expect("a C compiler, which the store needs too").success());
            std::fs::rename(&made, &library).expect("the library");
        }
        library
    })
}

/// Has a command met by a fault. The calls of its process, and of none that it starts, are counted.
pub fn meets(command: &mut Command, fault: &Fault<'_>) {
    let (what, error) = match fault.then {
        Then::KillBefore => ("before", 0),
        Then::KillAfter => ("after", 0),
        Then::KillHalf => ("half", 0),
        Then::Fail(error) => ("fail", error),
    };
    let calls: String = fault.calls.iter().map(|call| format!("{call},")).collect();
    command.env("LD_PRELOAD", library());
    command.env("FAULTS_RULE", format!("{} {} {what} {error} {calls}|{}", fault.at, fault.times, fault.path));
}

/// Has a command's calls noted in a file.
pub fn notes(command: &mut Command, list: &Path) {
    command.env("LD_PRELOAD", library()).env("FAULTS_LOG", list);
}

/// Reads the calls that were noted.
pub fn noted(list: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(list).unwrap_or_default();
    let call = |line: &str| {
        let (name, path) = line.split_once(' ').expect("a name and a path");
        let plain = path.strip_suffix(" commit");
        Call { name: name.into(), path: plain.unwrap_or(path).into(), commits: plain.is_some() }
    };
    text.lines().map(call).collect()
}

impl TestRepo {
    /// A crew command that is met by a fault.
    pub fn faulty<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>, fault: &Fault<'_>) -> Command {
        let mut command = self.command(args);
        meets(&mut command, fault);
        command
    }
}
