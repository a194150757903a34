//! The stage: what is about to move into a tree, what has moved out of it, and the journal that says so.
//!
//! Of change number `N`, `N.new` is what has not been put in place yet, and `N.old` what was put aside. Without a journal
//! nothing has moved.

use super::tree::{self, Existing, Found, Tree, Walk};
use super::{ApplyError, Plan, at};
use crate::domain::result_files::{AppliedFile, ResultFile, hash};
use rustix::fs::Mode as Permissions;
use rustix::fs::{
    AtFlags, OFlags, RenameFlags, Stat, linkat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

const NAME: &str = "journal.json";

/// What is about to be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Journal {
    pub steps: Vec<AppliedFile>,
    /// Folders that are made on the way.
    folders: BTreeSet<String>,
}

impl Journal {
    pub fn of(plan: &Plan<'_>) -> Journal {
        let step = |change: &super::Planned<'_>| AppliedFile {
            path: change.file.path.clone(),
            mode: change.file.mode,
            before: change.before.clone(),
            after: change.file.contents.as_ref().map(|contents| contents.sha256.clone()),
        };
        Journal { steps: plan.changes.iter().map(step).collect(), folders: plan.folders.clone() }
    }
}

/// The folder in which a change is prepared and from which it can be taken back.
pub struct Stage {
    path: PathBuf,
    folder: OwnedFd,
}

fn new(at: usize) -> String {
    format!("{at}.new")
}

fn old(at: usize) -> String {
    format!("{at}.old")
}

impl Stage {
    /// Makes the stage; what an earlier attempt left there that had not begun to change anything goes.
    pub fn make(path: &Path) -> Result<Stage, ApplyError> {
        discard(path)?;
        std::fs::create_dir_all(path).map_err(at(path))?;
        Stage::open(path)
    }

    fn open(path: &Path) -> Result<Stage, ApplyError> {
        Ok(Stage { path: path.to_owned(), folder: tree::open_folder(path).map_err(at(path))? })
    }

    /// Writes the new contents, and returns when they are on the disk.
    pub fn fill(
        &self,
        plan: &Plan<'_>,
        contents: impl Fn(&ResultFile) -> io::Result<Vec<u8>>,
        step: &mut dyn FnMut(),
    ) -> Result<(), ApplyError> {
        for (at, change) in plan.changes.iter().enumerate() {
            let Some(expected) = &change.file.contents else { continue };
            step();
            let fresh = Permissions::from_raw_mode(if change.file.executable { 0o777 } else { 0o666 });
            let mode = change.permissions.unwrap_or(fresh);
            let write = || -> io::Result<()> {
                let bytes = contents(change.file)?;
                if hash(&bytes) != expected.sha256 {
                    return Err(io::Error::other("what was kept of it is not what was handed in"));
                }
                let flags =
                    OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let mut file = File::from(openat(&self.folder, new(at), flags, mode)?);
                file.write_all(&bytes)?;
                if change.permissions.is_some() {
                    // What is new goes by the user's umask; what was there keeps what it had.
                    rustix::fs::fchmod(&file, mode)?;
                }
                file.sync_all()
            };
            write().map_err(super::at(Path::new(&change.place)))?;
        }
        self.sync()
    }

    /// Writes the journal. From now on a crash leaves something to take back.
    pub fn write(&self, journal: &Journal) -> Result<(), ApplyError> {
        let path = self.path.join(NAME);
        let beside = self.path.join("journal.tmp");
        let write = || -> io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec(journal)?)?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        };
        write().map_err(at(&path))?;
        self.sync()
    }

    /// Returns when all that has moved here or away is on the disk.
    pub fn sync(&self) -> Result<(), ApplyError> {
        rustix::fs::fsync(&self.folder).map_err(|error| at(&self.path)(error.into()))
    }

    /// Moves a file of the tree to the stage.
    pub fn put_aside(&self, folder: &OwnedFd, name: &str, at: usize) -> Result<(), Errno> {
        renameat(folder, name, &self.folder, old(at))
    }

    /// Tells whether what was put aside is the file that was looked at, and nobody has written to it since.
    pub fn holds(&self, at: usize, looked_at: &Existing) -> Result<bool, Errno> {
        let (then, now) = (&looked_at.stat, statat(&self.folder, old(at), AtFlags::SYMLINK_NOFOLLOW)?);
        let times = |stat: &Stat| (stat.st_mtime, stat.st_mtime_nsec);
        Ok(is_same(then, &now) && then.st_size == now.st_size && times(then) == times(&now))
    }

    /// Moves new contents into the tree, where nothing may be in their place.
    pub fn put_in_place(&self, at: usize, folder: &OwnedFd, name: &str) -> Result<(), Errno> {
        move_to_free(&self.folder, &new(at), folder, name)
    }

    fn has(&self, name: &str) -> Result<bool, Errno> {
        match statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes one change back, however much of it was done; `false` where somebody else has changed that since.
    fn take_back(&self, tree: &Tree, at: usize, step: &AppliedFile) -> Result<bool, ApplyError> {
        let fails = |error: Errno| super::at(Path::new(&step.path))(error.into());
        let (staged, aside) = (self.has(&new(at)).map_err(fails)?, self.has(&old(at)).map_err(fails)?);
        let placed = step.after.is_some() && !staged;
        if step.before.is_some() && !aside {
            return Ok(true);
        }
        let (folder, name) = match tree.walk(&step.path) {
            Ok(Walk::There(folder, name)) => (folder, name),
            Ok(Walk::Missing(_)) => return Ok(!aside),
            // When the change was made, nothing was in the way.
            Err(_) => return Ok(!aside && !placed),
        };
        match tree::look_in(&folder, name, &step.path) {
            Ok(Found::Nothing) => {}
            Ok(Found::File(mut there)) if placed => {
                let now = there.hash().map_err(super::at(Path::new(&step.path)))?;
                if step.after.as_ref() != Some(&now) {
                    return Ok(false);
                }
                renameat(&folder, name, &self.folder, new(at)).map_err(fails)?;
            }
            // It was linked to its place, and not yet taken off the stage.
            Ok(Found::File(there)) if staged && self.is_staged(at, &there).map_err(fails)? => {
                unlinkat(&folder, name, AtFlags::empty()).map_err(fails)?;
            }
            _ => return Ok(!aside && !placed),
        }
        if aside {
            match move_to_free(&self.folder, &old(at), &folder, name) {
                Err(Errno::EXIST) => return Ok(false),
                moved => moved.map_err(fails)?,
            }
        }
        rustix::fs::fsync(&folder).map_err(fails)?;
        Ok(true)
    }

    fn is_staged(&self, at: usize, there: &Existing) -> Result<bool, Errno> {
        Ok(is_same(&there.stat, &statat(&self.folder, new(at), AtFlags::SYMLINK_NOFOLLOW)?))
    }
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Moves a file to where nothing is.
fn move_to_free(from: &OwnedFd, name: &str, to: &OwnedFd, free: &str) -> Result<(), Errno> {
    match renameat_with(from, name, to, free, RenameFlags::NOREPLACE) {
        // Some file systems know no such rename: those of networks, mostly.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            linkat(from, name, to, free, AtFlags::empty())?;
            unlinkat(from, name, AtFlags::empty())
        }
        moved => moved,
    }
}

/// What could not be taken back, because somebody else has changed it since.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} could not be put back, because it was changed once more: what was there is in {}",
    paths.join(", "),
    kept.display()
)]
pub struct Left {
    pub paths: Vec<String>,
    /// Where that is kept which was there before.
    pub kept: PathBuf,
}

/// Takes back what was begun with a stage, and takes the stage away. That may be done any number of times.
pub fn roll_back(tree: &Path, stage: &Path) -> Result<Option<Left>, ApplyError> {
    let journal: Journal = match std::fs::read(stage.join(NAME)) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from).map_err(at(&stage.join(NAME)))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return discard(stage).map(|()| None),
        Err(error) => return Err(at(&stage.join(NAME))(error)),
    };
    let (top, open) = (Tree::open(tree).map_err(at(tree))?, Stage::open(stage)?);
    let mut paths = Vec::new();
    for (at, step) in journal.steps.iter().enumerate().rev() {
        if !open.take_back(&top, at, step)? {
            paths.push(step.path.clone());
        }
    }
    // The deepest come last in their order.
    for made in journal.folders.iter().rev() {
        if let Ok(Walk::There(folder, name)) = top.walk(made) {
            // One in which somebody else has put something stays.
            let _ = unlinkat(&folder, name, AtFlags::REMOVEDIR);
        }
    }
    open.sync()?;
    if paths.is_empty() {
        return discard(stage).map(|()| None);
    }
    let free = |number: &u32| !stage.with_added_extension(format!("kept{number}")).exists();
    let number = (1..).find(free).unwrap_or_default();
    let kept = stage.with_added_extension(format!("kept{number}"));
    std::fs::remove_file(stage.join(NAME)).map_err(at(stage))?;
    std::fs::rename(stage, &kept).map_err(at(&kept))?;
    Ok(Some(Left { paths, kept }))
}

/// Takes a stage away: what was done with it stays done.
pub fn discard(stage: &Path) -> Result<(), ApplyError> {
    // Without its journal, what is left of it means nothing.
    for removed in [std::fs::remove_file(stage.join(NAME)), std::fs::remove_dir_all(stage)] {
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(stage)(error)),
            _ => {}
        }
    }
    Ok(())
}
