//! A file that lines are added to and that stays below a bound, whoever else adds to it.

use super::StoreError;
use super::layout::Layout;
use crate::domain::id::RunId;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How large a log becomes before it is put aside as `NAME.1`, in bytes; the one before that goes.
const MOST: u64 = 8 * 1024 * 1024;
/// How many logs of runs that were detached are kept.
const KEPT_RUNS: usize = 50;

#[cfg(not(feature = "test-fakes"))]
fn most() -> u64 {
    MOST
}

/// The same, or as many bytes as a test says.
#[cfg(feature = "test-fakes")]
fn most() -> u64 {
    let said = std::env::var("LOG_FILE_BYTES").ok().and_then(|bytes| bytes.parse().ok());
    said.unwrap_or(MOST)
}

/// A log that is open.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    most: u64,
}

impl LogFile {
    /// Opens a log, and makes it where there is none. Nobody else may read it. What is no plain file is refused.
    pub fn open(path: &Path) -> Result<LogFile, StoreError> {
        let file = open(path).map_err(StoreError::file(path))?;
        Ok(LogFile { path: path.to_owned(), file, most: most() })
    }

    /// Adds a line, whole or not at all.
    pub fn add(&mut self, line: &str) -> io::Result<()> {
        if self.file.metadata()?.len() >= self.most {
            self.begin_anew()?;
        }
        self.file.write_all(format!("{line}\n").as_bytes())
    }

    /// Puts the file aside that is full, unless another process has done so.
    fn begin_anew(&mut self) -> io::Result<()> {
        // Whoever holds the lock puts this very file aside. It goes with the file, when that is closed.
        self.file.lock()?;
        let ours = self.file.metadata()?;
        let is_ours = |there: &std::fs::Metadata| (there.dev(), there.ino()) == (ours.dev(), ours.ino());
        if std::fs::metadata(&self.path).is_ok_and(|there| is_ours(&there)) {
            std::fs::rename(&self.path, before(&self.path))?;
        }
        self.file = open(&self.path)?;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    // A pipe that nobody reads would be waited for.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a plain file")),
    }
}

/// Returns where a log lies behind all links, whether it or its folder is there or not.
pub fn place_of(path: &Path) -> PathBuf {
    if let Ok(there) = path.canonicalize() {
        return there;
    }
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => place_of(folder).join(name),
        _ => path.to_owned(),
    }
}

/// Returns where a log is put aside that is full.
pub fn before(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".1");
    path.with_file_name(name)
}

/// Takes away the oldest logs of detached runs, where there are too many of them.
pub fn sweep(layout: &Layout) {
    let mut logs: Vec<(SystemTime, PathBuf)> = layout.logs_of_runs();
    logs.sort();
    let many = logs.len().saturating_sub(KEPT_RUNS);
    for (_, path) in logs.into_iter().take(many) {
        // The next one tries again.
        let _ = std::fs::remove_file(before(&path)).or(Ok(())).and_then(|()| std::fs::remove_file(&path));
    }
}

/// Takes the log of a run away. Where that does not work, it goes once there are too many.
pub fn forget(layout: &Layout, run: &RunId) {
    let path = layout.log_of_run(run);
    [before(&path), path].iter().for_each(|path| drop(std::fs::remove_file(path)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_full_is_put_aside_once_by_all_who_write_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut logs: Vec<LogFile> =
            (0..2).map(|_| LogFile { most: 100, ..LogFile::open(&path).unwrap() }).collect();
        for number in 0..60 {
            logs[number % 2].add(&format!("line {number:04}")).unwrap();
        }
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (old, new) = (text(&before(&path)), text(&path));
        assert!(old.len() <= 110 && new.len() <= 110, "{old}{new}");
        let both = format!("{old}{new}");
        let numbers: Vec<&str> = both.lines().map(|line| line.strip_prefix("line ").unwrap()).collect();
        assert!(numbers.len() > 10 && numbers.is_sorted() && numbers.last() == Some(&"0059"), "{numbers:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_plain_file_is_refused_and_nobody_waits_for_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(LogFile::open(folder.path()).is_err() && LogFile::open(Path::new("/dev/null")).is_err());
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(LogFile::open(&pipe).is_err());
    }

    #[test]
    fn the_oldest_logs_of_runs_go_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::of(folder.path());
        std::fs::create_dir_all(layout.untold().parent().unwrap()).unwrap();
        std::fs::write(layout.untold(), "").unwrap();
        let runs: Vec<RunId> = (0..KEPT_RUNS as u128 + 2).map(RunId::from_random).collect();
        for (age, run) in runs.iter().rev().enumerate() {
            let path = layout.log_of_run(run);
            std::fs::write(before(&path), "").unwrap();
            let file = File::create(&path).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age as u64 * 60)).unwrap();
        }
        sweep(&layout);
        let gone: Vec<bool> = runs.iter().map(|run| !layout.log_of_run(run).exists()).collect();
        assert_eq!(gone.iter().take_while(|gone| **gone).count(), 2);
        assert!(gone[2..].iter().all(|gone| !gone) && !before(&layout.log_of_run(&runs[0])).exists());
        assert!(layout.untold().exists());
    }
}
