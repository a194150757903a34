//! Moving a branch in one step, and the checkout with it.
//!
//! # How it works
//!
//! A journal in git's own folder of the checkout says what is about to be done. Then the index is locked, by a file that
//! says whose it is, and what is not committed is looked at for the last time. Git updates the files with a copy of the
//! index; the branch moves, if nobody has moved it; the copy becomes the index. The lock and the journal go last.
//!
//! Wherever that ends, the journal tells [`put_right`] what to look at: before the branch has moved, the files go back;
//! after it, the index follows.

use super::checkout::{Changed, Checkout};
use super::put_right::{self, PutRight};
use super::submodules;
use super::{MergeError, Repository, at, reference};
use crate::workspace::snapshot;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The folder of ours in git's own, while a branch is moved.
const FOLDER: &str = "crew-merge";

/// A branch, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The run whose work that is.
    pub run: String,
    pub branch: String,
    /// Ids of commits.
    pub from: String,
    pub to: String,
}

/// What is written down of a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    #[serde(flatten)]
    pub moved: Move,
    /// The work tree that goes with the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The files are done, and the branch is next.
    #[serde(default)]
    pub at_branch: bool,
}

/// The folder of ours, with the journal in it.
#[derive(Clone, Debug)]
pub struct Desk {
    pub folder: PathBuf,
    /// The lock of the index beside it.
    lock: PathBuf,
}

impl Desk {
    /// Names the folder in a folder of git's own.
    pub fn in_own(own: &Path) -> Desk {
        Desk { folder: own.join(FOLDER), lock: own.join("index.lock") }
    }

    fn journal(&self) -> PathBuf {
        self.folder.join("journal.json")
    }

    /// The index as it was.
    pub fn before(&self) -> PathBuf {
        self.folder.join("before")
    }

    /// The index as it will be.
    pub fn after(&self) -> PathBuf {
        self.folder.join("index")
    }

    /// Reads the journal; `None` where nothing was begun.
    pub fn read(&self) -> Result<Option<Journal>, MergeError> {
        let path = self.journal();
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| at(&path)(error.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    fn write(&self, journal: &Journal) -> Result<(), MergeError> {
        let (path, beside) = (self.journal(), self.folder.join("journal.tmp"));
        let write = || {
            let mut file = File::create(&beside)?;
            file.write_all(&serde_json::to_vec(journal)?)?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(at(&path))
    }

    fn begin(&self, journal: &Journal) -> Result<(), MergeError> {
        std::fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        self.write(journal)
    }

    /// Takes the folder away: what was begun is over. The journal goes first, since without it the rest means nothing.
    pub fn clear(&self) -> Result<(), MergeError> {
        for removed in [std::fs::remove_file(self.journal()), std::fs::remove_dir_all(&self.folder)] {
            match removed {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(at(&self.folder)(error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Locks the index as git does, with a file that says whose it is.
    fn lock(&self, checkout: &Checkout, moved: &Move) -> Result<(), MergeError> {
        match OpenOptions::new().write(true).create_new(true).open(&self.lock) {
            Ok(mut file) => file.write_all(sign(moved).as_bytes()).map_err(at(&self.lock)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                checkout.refuse_locked()?;
                Err(at(&self.lock)(error))
            }
            Err(error) => Err(at(&self.lock)(error)),
        }
    }

    /// Sees to it that the index is locked by this move: whoever took our lock away may use it again.
    pub fn hold(&self, checkout: &Checkout, moved: &Move) -> Result<(), MergeError> {
        match self.is_locked_by_us(moved) {
            true => Ok(()),
            false => self.lock(checkout, moved),
        }
    }

    /// Takes our lock off the index; one of somebody else stays.
    pub fn unlock(&self, moved: &Move) -> Result<(), MergeError> {
        match self.is_locked_by_us(moved) {
            true => std::fs::remove_file(&self.lock).map_err(at(&self.lock)),
            false => Ok(()),
        }
    }

    /// Tells whether the lock of the index is the one of this move.
    pub fn is_locked_by_us(&self, moved: &Move) -> bool {
        // It may have been killed while it wrote.
        let ours = sign(moved);
        std::fs::read_to_string(&self.lock).is_ok_and(|text| !text.is_empty() && ours.starts_with(&text))
    }
}

/// Returns what our lock holds. Git's own hold nothing, or an index.
fn sign(moved: &Move) -> String {
    let Move { run, branch, from, to } = moved;
    format!(
        "crew merge {run} moves {branch} from {from} to {to}; where it was ended, the same command goes on\n"
    )
}

/// Tells whether a branch can be moved just now, and what is checked out can go with it. Nothing is written but a copy
/// of the index, which goes again.
pub fn check(repository: &Repository, moved: &Move) -> Result<Option<PathBuf>, MergeError> {
    let moved = &settled(repository, moved)?;
    submodules::look(repository, moved)?;
    let Some(checkout) = repository.checkout_of(&moved.branch)? else { return Ok(None) };
    checkout.refuse_locked()?;
    let scratch =
        tempfile::Builder::new().prefix("crew-merge-").tempdir().map_err(at(Path::new("TMPDIR")))?;
    let index = scratch.path().join("index");
    copy_index(&checkout, &index)?;
    let changed = repository.changed(&moved.from, &moved.to)?;
    look(&checkout.with_index(&index), moved, &changed)?;
    Ok(Some(checkout.folder))
}

/// Speaks of the branch itself that moves, where its name only leads to it.
fn settled(repository: &Repository, moved: &Move) -> Result<Move, MergeError> {
    Ok(Move { branch: repository.settle(&moved.branch)?, ..moved.clone() })
}

/// Looks for the last time whether a checkout can go with the branch.
fn look(checkout: &Checkout, moved: &Move, changed: &[Changed]) -> Result<(), MergeError> {
    checkout.refuse_busy()?;
    let head = checkout.git.text(&["rev-parse", "--symbolic-full-name", "HEAD"])?;
    if head != reference(&moved.branch)
        || checkout.git.text(&["rev-parse", "--verify", "HEAD"])? != moved.from
    {
        return Err(MergeError::Moved(moved.branch.clone()));
    }
    if !checkout.git.run(&["ls-files", "--unmerged", "-z"])?.is_empty() {
        let why = format!("a merge in {} has conflicts that are not resolved", checkout.folder.display());
        return Err(MergeError::Refused(why));
    }
    checkout.refresh()?;
    checkout.refuse_in_the_way(&moved.from, changed)?;
    // What it knows and we do not.
    checkout.git.run(&["read-tree", "-n", "-m", "-u", &moved.from, &moved.to])?;
    Ok(())
}

pub(super) fn copy_index(checkout: &Checkout, to: &Path) -> Result<(), MergeError> {
    let index = checkout.own.join("index");
    snapshot::copy_index(&index, to).map_err(at(&index))?;
    match to.exists() {
        true => Ok(()),
        false => {
            let why = format!("{} has no index; git reset makes one", checkout.folder.display());
            Err(MergeError::Refused(why))
        }
    }
}

/// Moves a branch, and what is checked out of it. `step` is called before each step that a crash could fall between.
///
/// What an earlier move has left behind has to be put right before.
pub fn land(
    repository: &Repository,
    moved: &Move,
    step: &mut dyn FnMut(&str),
) -> Result<Option<PutRight>, MergeError> {
    let moved = &settled(repository, moved)?;
    step("submodules");
    submodules::bring(repository, moved)?;
    if let Some(checkout) = repository.checkout_of(&moved.branch)? {
        return land_in(repository, &checkout, moved, step);
    }
    let desk = Desk::in_own(repository.common());
    step("journal");
    let journal = Journal { moved: moved.clone(), folder: None, at_branch: true };
    desk.begin(&journal)?;
    step("branch");
    let done = put_right::set_branch(repository, &repository.git, repository.common(), &journal);
    step("clear");
    desk.clear()?;
    done?;
    // Somebody may have checked it out in between, as it was.
    match repository.checkout_of(&moved.branch) {
        Ok(Some(checkout)) if is_behind(&checkout, moved).unwrap_or(false) => {
            let back = Move { from: moved.to.clone(), to: moved.from.clone(), ..moved.clone() };
            let back = Journal { moved: back, folder: None, at_branch: true };
            put_right::set_branch(repository, &repository.git, repository.common(), &back)?;
            land_in(repository, &checkout, moved, step)
        }
        _ => Ok(None),
    }
}

/// Tells whether a checkout still holds what the branch held.
fn is_behind(checkout: &Checkout, moved: &Move) -> Result<bool, MergeError> {
    let differs = |than: &str| -> Result<bool, MergeError> {
        let asked = ["diff-index", "--cached", "--quiet", "--ignore-submodules=none", than, "--"];
        let ended = checkout.git.fed(&asked, &[])?;
        match ended.code {
            Some(code @ (0 | 1)) => Ok(code == 1),
            _ => Err(ended.failure.into()),
        }
    };
    Ok(differs(&moved.to)? && !differs(&moved.from)?)
}

fn land_in(
    repository: &Repository,
    checkout: &Checkout,
    moved: &Move,
    step: &mut dyn FnMut(&str),
) -> Result<Option<PutRight>, MergeError> {
    let desk = Desk::in_own(&checkout.own);
    let mut journal =
        Journal { moved: moved.clone(), folder: Some(checkout.folder.clone()), at_branch: false };
    step("journal");
    desk.begin(&journal)?;
    step("lock");
    if let Err(refused) = desk.lock(checkout, moved) {
        desk.clear()?;
        return Err(refused);
    }
    step("look");
    let looked = look_under_lock(repository, checkout, &desk, moved);
    if let Err(refused) = looked {
        // Nothing has been touched yet.
        desk.unlock(moved)?;
        desk.clear()?;
        return Err(refused);
    }
    step("files");
    let with_copy = checkout.with_index(&desk.after());
    let done =
        with_copy.git.run(&["read-tree", "-m", "-u", &moved.from, &moved.to]).map_err(MergeError::from);
    let done = done.and_then(|_| {
        journal.at_branch = true;
        step("written");
        desk.write(&journal)?;
        step("branch");
        put_right::set_branch(repository, &checkout.git, &checkout.own, &journal)
    });
    step("index");
    let right = put_right::put_right_in(repository, &checkout.own, step)?;
    match done {
        Ok(()) => Ok(None),
        // It may have come about all the same: git was killed after that.
        Err(_) if right.as_ref().is_some_and(|right| right.landed) => Ok(right),
        Err(error) => Err(error),
    }
}

fn look_under_lock(
    repository: &Repository,
    checkout: &Checkout,
    desk: &Desk,
    moved: &Move,
) -> Result<(), MergeError> {
    copy_index(checkout, &desk.before())?;
    copy_index(checkout, &desk.after())?;
    // It is needed to put things right, after a loss of power too.
    File::open(desk.before()).and_then(|before| before.sync_all()).map_err(at(&desk.before()))?;
    File::open(&desk.folder).and_then(|folder| folder.sync_all()).map_err(at(&desk.folder))?;
    let changed = repository.changed(&moved.from, &moved.to)?;
    look(&checkout.with_index(&desk.after()), moved, &changed)
}
