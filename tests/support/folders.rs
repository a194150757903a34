//! Where the folders of the tests are made.
//!
//! The tests make and remove very many files, and sync many of them, so a disk is most of what they would wait for. Their
//! folders are in memory where there is plenty of it; who sets `TMPDIR` to another folder than the usual one has them there.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// What the name of each folder begins with.
pub const PREFIX: &str = "crew-test-";
/// Files in memory, on Linux.
const MEMORY: &str = "/dev/shm";
/// Where temporary files are if nobody says otherwise.
const USUAL: &str = "/tmp";
/// How many bytes have to be free there, and available in memory.
const LEAST: u64 = 6 << 30;
/// No test takes this long: a folder as old as this was left by tests that were killed.
const LEFT: Duration = Duration::from_secs(60 * 60);

static PLACE: OnceLock<PathBuf> = OnceLock::new();

/// Sees to it that no folder is made in memory, whatever `TMPDIR` says; to be called before the first one is asked for.
pub fn keep_on_disk() {
    let named = std::env::temp_dir();
    let place = if named.starts_with("/dev") { PathBuf::from(USUAL) } else { named };
    PLACE.set(place).expect("no folder was made yet");
}

/// Returns the folder in which the tests make theirs.
pub fn place() -> &'static Path {
    PLACE.get_or_init(|| {
        let memory = Path::new(MEMORY);
        let named = std::env::temp_dir();
        if named != Path::new(USUAL) || !has_room(memory) || !starts_programs(memory) {
            return named;
        }
        take_away_what_was_left(memory);
        memory.to_owned()
    })
}

fn has_room(folder: &Path) -> bool {
    let free = rustix::fs::statvfs(folder).is_ok_and(|stat| stat.f_bavail * stat.f_frsize >= LEAST);
    let told = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok());
    free && kib.is_some_and(|kib| kib * 1024 >= LEAST)
}

/// Tells whether a program that lies in a folder may be started: containers often forbid it.
fn starts_programs(folder: &Path) -> bool {
    let Ok(tried) = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder) else { return false };
    let program = tried.path().join("program");
    std::fs::write(&program, "#!/bin/sh\n").is_ok()
        && std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).is_ok()
        && Command::new(&program).status().is_ok_and(|status| status.success())
}

fn take_away_what_was_left(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let changed = entry.metadata().and_then(|found| found.modified());
        if is_ours && changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LEFT)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
