//! A work tree, walked one component at a time from an open folder, so that no link is ever followed: not one that was
//! there before, and not one that somebody puts there meanwhile.

use super::ApplyError;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, openat, statat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A pipe must not hold us up, should one come to stand where a file was.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// The top of a work tree.
pub struct Tree {
    root: OwnedFd,
}

/// What stands at a path.
pub enum Found {
    Nothing,
    Folder,
    File(Existing),
}

/// A plain file, open.
pub struct Existing {
    pub stat: Stat,
    file: File,
}

impl Existing {
    /// Returns the SHA-256 of its contents in hex.
    pub fn hash(&mut self) -> io::Result<String> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.file.read(&mut buffer)? {
                0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
                read => hash.update(&buffer[..read]),
            }
        }
    }

    /// Returns the file itself, to be read.
    pub fn into_file(self) -> File {
        self.file
    }

    /// Returns its contents.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Where a walk to the folder of a path came to.
pub enum Walk<'a> {
    /// The folder, and the name in it.
    There(OwnedFd, &'a str),
    /// A folder on the way, by its path, is not there.
    Missing(&'a str),
}

/// Why a path cannot be walked, without the entry that asked for it.
#[derive(Debug)]
pub enum Obstacle {
    Unsafe(String),
    Invalid(String),
    Io(io::Error),
}

impl Obstacle {
    /// Says it of an entry.
    pub fn at(self, place: &str) -> ApplyError {
        match self {
            Obstacle::Unsafe(why) => ApplyError::Unsafe(format!("{place}: {why}")),
            Obstacle::Invalid(why) => ApplyError::Invalid(format!("{place}: {why}")),
            Obstacle::Io(source) => ApplyError::File { path: place.into(), source },
        }
    }
}

impl From<Errno> for Obstacle {
    fn from(error: Errno) -> Obstacle {
        Obstacle::Io(error.into())
    }
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Obstacle {
        Obstacle::Io(error)
    }
}

impl Tree {
    /// Opens the top of a tree; the way to it is trusted.
    pub fn open(path: &Path) -> io::Result<Tree> {
        Ok(Tree { root: open_folder(path)? })
    }

    /// Walks to the folder that `path` is in.
    pub fn walk<'a>(&self, path: &'a str) -> Result<Walk<'a>, Obstacle> {
        self.walk_making(path, &BTreeSet::new())
    }

    /// Walks to the folder that `path` is in, and makes those on the way that are missing and in `wanted`.
    pub fn walk_making<'a>(&self, path: &'a str, wanted: &BTreeSet<String>) -> Result<Walk<'a>, Obstacle> {
        let mut folder = self.root.try_clone()?;
        let mut from = 0;
        while let Some(length) = path[from..].find('/') {
            let (name, so_far) = (&path[from..from + length], &path[..from + length]);
            let mut next = openat(&folder, name, FOLDER, Mode::empty());
            if next.as_ref().is_err_and(|error| *error == Errno::NOENT) && wanted.contains(so_far) {
                match mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                next = openat(&folder, name, FOLDER, Mode::empty());
            }
            folder = match next {
                Ok(next) => next,
                Err(Errno::NOENT) => return Ok(Walk::Missing(so_far)),
                Err(error) => return Err(why_not_entered(&folder, name, so_far, error)),
            };
            if is_there(&folder, ".git")? {
                let why =
                    format!("`{so_far}` is a repository of its own; only files of this one can be handed in");
                return Err(Obstacle::Unsafe(why));
            }
            from += length + 1;
        }
        Ok(Walk::There(folder, &path[from..]))
    }

    /// Looks what stands at a path.
    pub fn look(&self, path: &str) -> Result<Found, Obstacle> {
        match self.walk(path)? {
            Walk::There(folder, name) => look_in(&folder, name, path),
            Walk::Missing(_) => Ok(Found::Nothing),
        }
    }

    /// Tells whether a folder is there and has nothing in it.
    pub fn is_empty(&self, folder: &str) -> Result<bool, Obstacle> {
        let inside = format!("{folder}/.");
        let Walk::There(folder, _) = self.walk(&inside)? else { return Ok(false) };
        for entry in Dir::read_from(&folder)? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Opens a folder by a trusted path.
pub fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Looks what has a name in a folder.
pub fn look_in(folder: impl AsFd, name: &str, path: &str) -> Result<Found, Obstacle> {
    let kind = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(Errno::NAMETOOLONG) => {
            return Err(Obstacle::Invalid("its name is too long; choose a shorter one".into()));
        }
        Err(error) => return Err(error.into()),
    };
    match kind {
        FileType::RegularFile => {}
        FileType::Directory => return Ok(Found::Folder),
        FileType::Symlink => return Err(link(path)),
        _ => return Err(special(path)),
    }
    let file = match openat(&folder, name, FILE, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(Errno::LOOP) => return Err(link(path)),
        Err(error) => return Err(error.into()),
    };
    let stat = fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(Found::File(Existing { stat, file: file.into() })),
        // It was put there between the two looks.
        _ => Err(special(path)),
    }
}

fn is_there(folder: impl AsFd, name: &str) -> Result<bool, Errno> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says what stands in the way of a walk. A link answers an attempt to open it as a folder with ENOTDIR or ELOOP.
fn why_not_entered(folder: &OwnedFd, name: &str, path: &str, error: Errno) -> Obstacle {
    let kind =
        statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| FileType::from_raw_mode(stat.st_mode));
    match (kind, error) {
        (Ok(FileType::Symlink), _) | (_, Errno::LOOP) => link(path),
        (Ok(FileType::RegularFile), _) => {
            Obstacle::Invalid(format!("`{path}` is a file and no folder; choose another path"))
        }
        (_, Errno::NAMETOOLONG) => {
            Obstacle::Invalid("a name in the path is too long; choose a shorter one".into())
        }
        (Ok(FileType::Directory), error) => error.into(),
        (Ok(_), _) => special(path),
        (Err(_), error) => error.into(),
    }
}

fn link(path: &str) -> Obstacle {
    Obstacle::Unsafe(format!(
        "`{path}` is a symbolic link, which is never followed; name the file that it leads to"
    ))
}

fn special(path: &str) -> Obstacle {
    Obstacle::Unsafe(format!("`{path}` is neither a file nor a folder; hand in plain files only"))
}
