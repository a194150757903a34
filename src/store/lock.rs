//! Who owns a run: a lock on an open file, which the system takes back when its holder dies.
//!
//! There is one level of lock. Whoever needs it holds the guard; nothing that is called with a guard locks again.

use super::StoreError;
use super::layout::RunPaths;
use crate::domain::time::Time;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Proof that this process owns a run, or a file; given back when dropped.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

impl RunLock {
    /// Lets the children that are started from now on hold it too: it is free again when the last of them has ended,
    /// although we were killed before.
    pub fn share_with_children(&self) -> std::io::Result<()> {
        Ok(rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())?)
    }

    /// Returns the number by which a child finds it that it is shared with, for [`inherit`].
    pub fn number(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// Says to whoever finds the run taken what is done with it, in a line. It goes with the lock.
    pub fn say(&self, doing: &str) {
        let mut file = &self.file;
        // Where the disk is full nothing is said.
        let _ = writeln!(file, "{doing}");
    }
}

/// What the lock's file says of whoever takes it only to settle requests, which is soon done. It does not carry the run
/// out.
const TAKES_IN: &str = "takes in what was handed in";
/// How long is waited in any case for a lock that is as good as free.
const TAKEN_IN: Duration = Duration::from_secs(5);

/// Takes the run's lock, or returns `None` where another process holds it.
pub fn try_take(paths: &RunPaths) -> Result<Option<RunLock>, StoreError> {
    take_saying(paths, "")
}

/// Takes the run's lock for as long as it takes to settle the requests that wait.
pub fn try_take_to_settle(paths: &RunPaths) -> Result<Option<RunLock>, StoreError> {
    take_saying(paths, TAKES_IN)
}

fn take_saying(paths: &RunPaths, doing: &str) -> Result<Option<RunLock>, StoreError> {
    std::fs::create_dir_all(paths.root()).map_err(StoreError::file(paths.root()))?;
    let path = paths.lock();
    // The file is never removed: a lock on a removed file would exclude nobody.
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(StoreError::file(&path))?;
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => {
                sign(&file, doing);
                tracing::debug!(lock = %path.display(), doing, "took a lock");
                return Ok(Some(RunLock { file }));
            }
            // Somebody who only looks holds it for a moment too.
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_LOOKS),
            Err(TryLockError::Error(source)) => return Err(StoreError::File { path, source }),
        }
    }
    tracing::debug!(lock = %path.display(), holder = owner(paths).map(|owner| owner.pid), "a lock is held by another");
    Ok(None)
}

/// Takes over the run's lock that the process shares with us that has started us; `number` is that of its open file. `None`
/// where there is no such file, or it is another one. It is called once, before anything else opens files by number.
pub fn inherit(paths: &RunPaths, number: i32) -> Result<Option<RunLock>, StoreError> {
    let path = paths.lock();
    let there = std::fs::metadata(&path).map_err(StoreError::file(&path))?;
    // SAFETY: only asks which file that is; a number that is not open is an error.
    let found = match rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(number.max(0)) }) {
        Ok(found) => found,
        Err(_) => return Ok(None),
    };
    if (found.st_dev as u64, found.st_ino as u64) != (there.dev(), there.ino()) || number < 3 {
        return Ok(None);
    }
    // SAFETY: it is open, and nobody else in this process knows of it.
    let file = unsafe { File::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::CLOEXEC)
        .map_err(|error| StoreError::file(&path)(error.into()))?;
    match file.try_lock() {
        // What is locked already by this very open file stays so.
        Ok(()) => {
            sign(&file, "");
            Ok(Some(RunLock { file }))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(StoreError::file(&path)(source)),
    }
}

/// How often a lock is tried before it counts as held.
const LOOKS: u32 = 4;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Says in the lock's file who holds it, and what for. That is for people: whether it is held, only the lock tells.
fn sign(mut file: &File, doing: &str) {
    let mut lines = format!("{}\n", std::process::id());
    if !doing.is_empty() {
        lines.push_str(&format!("{doing}\n"));
    }
    // Where the disk is full nobody is named. One that is inherited stands where its last holder wrote.
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(lines.as_bytes()));
}

/// Who holds a run's lock, as it wrote there itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub pid: u32,
    pub since: Time,
    /// What it does, where it said so: `merge into main`.
    pub doing: Option<String>,
}

/// Returns who took the run's lock last; it says nothing where nobody holds it.
pub fn owner(paths: &RunPaths) -> Option<Owner> {
    let file = File::open(paths.lock()).ok()?;
    let since = file.metadata().and_then(|meta| meta.modified()).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    Some(Owner {
        pid: lines.next()?.trim().parse().ok()?,
        since: Time(i64::try_from(since.as_millis()).ok()?),
        doing: lines.next().map(str::to_owned),
    })
}

/// How long anything is waited for before a person is told of it.
pub const SIGN_AFTER: Duration = Duration::from_secs(1);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Takes the run's lock as soon as it is free, or returns `None` where another process holds it for longer than
/// `patience`. `waits` is called once, where that takes a second or more.
pub fn take_within(
    paths: &RunPaths,
    patience: Duration,
    waits: impl FnOnce(),
) -> Result<Option<RunLock>, StoreError> {
    let began = Instant::now();
    let mut waits = Some(waits);
    loop {
        if let Some(lock) = try_take(paths)? {
            let ms = began.elapsed().as_millis() as u64;
            if ms >= SIGN_AFTER.as_millis() as u64 {
                tracing::warn!(lock = %paths.lock().display(), ms, "a lock was waited for");
            }
            return Ok(Some(lock));
        }
        let waited = began.elapsed();
        let patience = if is_soon_free(paths) { patience.max(TAKEN_IN) } else { patience };
        if waited >= patience {
            return Ok(None);
        }
        if waited >= SIGN_AFTER
            && let Some(waits) = waits.take()
        {
            waits();
        }
        std::thread::sleep(BETWEEN_TRIES.min(patience - waited));
    }
}

/// Takes the lock on a file that several processes change by reading and writing it, and waits for it. It is the lock
/// of its folder: nothing is left behind that git would see.
pub fn take_beside(path: &Path) -> Result<RunLock, StoreError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(StoreError::file(folder))?;
    let file = File::open(folder).map_err(StoreError::file(folder))?;
    file.lock().map_err(StoreError::file(folder))?;
    Ok(RunLock { file })
}

/// Tells whether a process holds the lock that [`take_beside`] takes.
pub fn is_held_beside(path: &Path) -> Result<bool, StoreError> {
    is_held(path.parent().unwrap_or(path))
}

/// Takes the same lock as soon as it is free, or returns `None` where another process holds it for longer than `patience`.
/// `waits` is called once, where that takes a second or more.
pub fn take_beside_within(
    path: &Path,
    patience: Duration,
    waits: impl FnOnce(),
) -> Result<Option<RunLock>, StoreError> {
    let folder = path.parent().unwrap_or(path);
    let file = File::open(folder).map_err(StoreError::file(folder))?;
    let began = Instant::now();
    let mut waits = Some(waits);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(RunLock { file })),
            Err(TryLockError::WouldBlock) if began.elapsed() >= patience => return Ok(None),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(StoreError::file(folder)(source)),
        }
        if began.elapsed() >= SIGN_AFTER
            && let Some(waits) = waits.take()
        {
            waits();
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
}

/// Tells whether a process owns the run now. A run without a lock file has no owner, and neither has one for which
/// somebody only settles requests.
pub fn is_owned(paths: &RunPaths) -> Result<bool, StoreError> {
    Ok(is_held(&paths.lock())? && !only_settles(paths))
}

/// Tells whether a lock that is held will be free in a moment: whoever holds it only settles requests, or has died, and a
/// child of its has not begun its own program yet.
fn is_soon_free(paths: &RunPaths) -> bool {
    let has_died = |owner: Owner| {
        let pid = i32::try_from(owner.pid).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
    };
    only_settles(paths) || owner(paths).is_some_and(has_died)
}

fn only_settles(paths: &RunPaths) -> bool {
    owner(paths).is_some_and(|owner| owner.doing.as_deref() == Some(TAKES_IN))
}

fn is_held(path: &Path) -> Result<bool, StoreError> {
    match File::open(path) {
        // A shared lock, so that two who only look don't take each other for an owner.
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(StoreError::file(path)(source)),
        },
        // Where its folder is something else, nobody can hold it either.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(source) => Err(StoreError::file(path)(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;
    use crate::store::layout::Layout;

    #[test]
    fn one_holder_at_a_time_and_the_lock_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Layout::of(folder.path()).run(&RunId::from_random(7));
        assert!(!is_owned(&paths).unwrap());
        let held = try_take(&paths).unwrap();
        assert!(held.is_some() && is_owned(&paths).unwrap());
        assert!(try_take(&paths).unwrap().is_none());
        drop(held);
        assert!(!is_owned(&paths).unwrap() && try_take(&paths).unwrap().is_some());
        std::fs::remove_dir_all(paths.root()).unwrap();
        std::fs::write(paths.root(), "no folder").unwrap();
        assert!(!is_owned(&paths).unwrap() && try_take(&paths).is_err());
    }

    #[test]
    fn who_only_settles_requests_is_no_owner_and_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Layout::of(folder.path()).run(&RunId::from_random(7));
        let held = try_take_to_settle(&paths).unwrap();
        assert!(!is_owned(&paths).unwrap() && try_take(&paths).unwrap().is_none());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                drop(held);
            });
            assert!(take_within(&paths, Duration::ZERO, || ()).unwrap().is_some());
        });
        let _held = try_take(&paths).unwrap();
        assert!(is_owned(&paths).unwrap() && take_within(&paths, Duration::ZERO, || ()).unwrap().is_none());
    }

    #[test]
    fn who_waits_gets_the_lock_when_it_is_given_back_and_gives_up_when_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Layout::of(folder.path()).run(&RunId::from_random(7));
        assert_eq!(owner(&paths), None);
        let held = try_take(&paths).unwrap();
        assert_eq!(owner(&paths).unwrap().pid, std::process::id());
        held.as_ref().unwrap().say("merge into main");
        assert_eq!(owner(&paths).unwrap().doing.as_deref(), Some("merge into main"));
        let told = || panic!("it is over before a person would wonder");
        assert!(take_within(&paths, Duration::from_millis(30), told).unwrap().is_none());
        let mut told = false;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(SIGN_AFTER + Duration::from_millis(200));
                drop(held);
            });
            assert!(take_within(&paths, Duration::from_secs(60), || told = true).unwrap().is_some());
        });
        assert!(told);
    }
}
