//! Files that were handed in, written into a work tree: all of them, or none.
//!
//! # How it works
//!
//! The whole set is looked at first. Then the new contents are written below a folder of ours (the stage), on the same
//! file system, and a journal says what is about to be done. Each change is one or two renames: what is there moves to
//! the stage, what is new moves out of it. So every step can be told from what lies on the stage, and is undone by the
//! same rename backwards, by us or by whoever comes after a crash. The stage goes when the record says that all is done.
//!
//! Folders are opened one in another without following links, and the renames are relative to them: whoever swaps a
//! folder for a link meanwhile changes nothing outside of the tree.

mod journal;
mod preview;
pub(in crate::workspace) mod tree;

pub use journal::{Left, discard, roll_back};
pub use preview::preview;

use crate::domain::result_files::{AppliedFile, Mode, ResultFile, place};
use crate::workspace::git::{Git, GitError};
use journal::{Journal, Stage};
use rustix::fs::Mode as Permissions;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use tree::{Existing, Found, Obstacle, Tree, Walk};

/// Why files are not applied. Nothing has changed then, but for what the message says.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A path leads somewhere that it must not.
    #[error("{0}")]
    Unsafe(String),
    /// The tree is not in the state that an entry asks for.
    #[error("{0}")]
    Invalid(String),
    /// It was taken back, but for what somebody else had changed in the meantime.
    #[error("{why}; {left}")]
    Left { why: String, left: Left },
    /// The stage is still there, and [`roll_back`] has to be tried again.
    #[error("{why}; and what was done could not be taken back yet: {source}")]
    NotTakenBack { why: String, source: Box<ApplyError> },
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// One change, with what it was decided on.
struct Planned<'a> {
    place: String,
    file: &'a ResultFile,
    /// SHA-256 of what is there, where something is.
    before: Option<String>,
    /// Permissions of what is there.
    permissions: Option<Permissions>,
}

/// What is to be done, in the order of the entries.
struct Plan<'a> {
    changes: Vec<Planned<'a>>,
    /// Folders that are missing, by their paths.
    folders: BTreeSet<String>,
}

/// Checks files against a tree, and notes in each what it is to replace.
pub fn check(tree: &Path, files: &mut [ResultFile]) -> Result<(), ApplyError> {
    let plan = plan(tree, files)?;
    let bases: Vec<(String, Option<String>)> =
        plan.changes.into_iter().map(|change| (change.file.path.clone(), change.before)).collect();
    for (path, base) in bases {
        if let Some(file) = files.iter_mut().find(|file| file.path == path) {
            file.base = base;
        }
    }
    Ok(())
}

/// Puts files into a tree, all of them or none. `contents` are asked for by entry.
///
/// The stage is left as it is, so that the change can be taken back until [`discard`]. `step` is called before each
/// step that a crash could fall between.
pub fn apply(
    tree: &Path,
    stage: &Path,
    files: &[ResultFile],
    contents: impl Fn(&ResultFile) -> io::Result<Vec<u8>>,
    step: &mut dyn FnMut(),
) -> Result<Vec<AppliedFile>, ApplyError> {
    let plan = plan(tree, files)?;
    let journal = Journal::of(&plan);
    let top = Tree::open(tree).map_err(at(tree))?;
    let staged = Stage::make(stage).and_then(|staged| {
        staged.fill(&plan, contents, step)?;
        staged.write(&journal)?;
        Ok(staged)
    });
    let done = staged.and_then(|staged| carry_out(&top, &staged, &plan, step));
    match done {
        Ok(()) => Ok(journal.steps),
        Err(why) => match roll_back(tree, stage) {
            Ok(None) => Err(why),
            Err(source) => Err(ApplyError::NotTakenBack { why: why.to_string(), source: Box::new(source) }),
            Ok(Some(left)) => Err(ApplyError::Left { why: why.to_string(), left }),
        },
    }
}

fn carry_out(tree: &Tree, stage: &Stage, plan: &Plan<'_>, step: &mut dyn FnMut()) -> Result<(), ApplyError> {
    for (number, change) in plan.changes.iter().enumerate() {
        step();
        let path = &change.file.path;
        let walk = tree.walk_making(path, &plan.folders).map_err(|obstacle| obstacle.at(&change.place))?;
        let Walk::There(folder, name) = walk else {
            return Err(changed(change, "its folder has gone meanwhile"));
        };
        let fails = |error: Errno| failed(change, error);
        if let Some(before) = &change.before {
            let Found::File(mut there) =
                tree::look_in(&folder, name, path).map_err(|o| o.at(&change.place))?
            else {
                return Err(changed(change, "it has gone meanwhile"));
            };
            if there.hash().map_err(at(Path::new(path)))? != *before {
                return Err(changed(change, "it has been changed meanwhile"));
            }
            stage.put_aside(&folder, name, number).map_err(fails)?;
            if !stage.holds(number, &there).map_err(fails)? {
                return Err(changed(change, "it has been changed meanwhile"));
            }
            step();
        }
        if change.file.contents.is_some() {
            stage.put_in_place(number, &folder, name).map_err(|error| match error {
                Errno::EXIST => changed(change, "somebody else has made it meanwhile"),
                error => fails(error),
            })?;
        }
        rustix::fs::fsync(&folder).map_err(fails)?;
    }
    step();
    stage.sync()
}

fn changed(change: &Planned<'_>, why: &str) -> ApplyError {
    ApplyError::Invalid(format!("{}: {why}; nothing was applied", change.place))
}

fn failed(change: &Planned<'_>, error: Errno) -> ApplyError {
    match error {
        Errno::XDEV => ApplyError::Invalid(format!(
            "{}: it is on another file system than `.crew`, where files cannot be put all at once; write it yourself",
            change.place
        )),
        error => ApplyError::File { path: change.place.clone().into(), source: error.into() },
    }
}

/// Looks at what stands where files are to be written, and decides whether that may be done.
fn plan<'a>(tree: &Path, files: &'a [ResultFile]) -> Result<Plan<'a>, ApplyError> {
    let top = Tree::open(tree).map_err(at(tree))?;
    let mut plan = Plan { changes: Vec::new(), folders: BTreeSet::new() };
    for (at, file) in files.iter().enumerate() {
        let place = place(at, &file.path);
        let found = look(&top, file, &mut plan.folders).map_err(|obstacle| obstacle.at(&place))?;
        let (before, permissions) = decide(file, found).map_err(|obstacle| obstacle.at(&place))?;
        if file.is_change() {
            plan.changes.push(Planned { place, file, before, permissions });
        }
    }
    refuse_submodules(tree, &top, &plan)?;
    Ok(plan)
}

/// Looks what stands at a path, and notes the folders on the way that a new file needs.
fn look(tree: &Tree, file: &ResultFile, folders: &mut BTreeSet<String>) -> Result<Found, Obstacle> {
    match tree.walk(&file.path)? {
        Walk::There(folder, name) => tree::look_in(&folder, name, &file.path),
        Walk::Missing(first) => {
            if file.mode == Mode::New {
                let slashes = file.path.match_indices('/').map(|(end, _)| &file.path[..end]);
                folders.extend(slashes.filter(|folder| folder.len() >= first.len()).map(str::to_owned));
            }
            Ok(Found::Nothing)
        }
    }
}

/// Decides whether an entry fits what stands at its path, and returns the hash and the permissions of that.
fn decide(file: &ResultFile, found: Found) -> Result<(Option<String>, Option<Permissions>), Obstacle> {
    let invalid = |why: &str| Err(Obstacle::Invalid(why.into()));
    match (file.mode, found) {
        (Mode::Mention, Found::Nothing) => invalid("it is not there; a bare path has to exist"),
        (Mode::Mention, _) | (Mode::New, Found::Nothing) => Ok((None, None)),
        (Mode::New, _) => invalid("it is there already; say mode modify, or choose another path"),
        (Mode::Modify, Found::Nothing) => invalid("it is not there; say mode new, or correct the path"),
        (Mode::Delete, Found::Nothing) => {
            invalid("it is not there; leave the entry out, or correct the path")
        }
        (_, Found::Folder) => invalid("it is a folder; name the files in it"),
        (_, Found::File(mut there)) => {
            let before = there.hash()?;
            if file.base.as_ref().is_some_and(|base| *base != before) {
                return invalid("it has been changed since it was handed in; nothing was applied");
            }
            Ok((Some(before), Some(permissions_of(&there))))
        }
    }
}

fn permissions_of(file: &Existing) -> Permissions {
    // What an agent wrote is given no rights of another user.
    Permissions::from_raw_mode(file.stat.st_mode)
        & (Permissions::RWXU | Permissions::RWXG | Permissions::RWXO)
}

/// Refuses files below a submodule that is not checked out: its folder is empty or missing, and only the index knows.
fn refuse_submodules(tree: &Path, top: &Tree, plan: &Plan<'_>) -> Result<(), ApplyError> {
    for change in plan.changes.iter().filter(|change| change.file.mode == Mode::New) {
        let path = &change.file.path;
        let folders: Vec<&str> = path.match_indices('/').map(|(end, _)| &path[..end]).collect();
        for folder in folders {
            let empty =
                plan.folders.contains(folder) || top.is_empty(folder).map_err(|o| o.at(&change.place))?;
            if empty && is_submodule(tree, folder)? {
                let why =
                    format!("`{folder}` is a submodule; only files of this repository can be handed in");
                return Err(ApplyError::Unsafe(format!("{}: {why}", change.place)));
            }
        }
    }
    Ok(())
}

fn is_submodule(tree: &Path, folder: &str) -> Result<bool, GitError> {
    let path = format!(":(literal){folder}");
    let entries = Git::at(tree).entries(&["ls-files", "--stage", "-z", "--", &path])?;
    Ok(entries.iter().any(|entry| entry.starts_with("160000 ") && entry.ends_with(&format!("\t{folder}"))))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ApplyError {
    let path = path.to_owned();
    move |source| ApplyError::File { path, source }
}

#[cfg(test)]
mod tests;
