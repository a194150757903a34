//! A repository that lies in a task's work tree, read without its settings.
//!
//! Whoever works there can write its `config`, and by that name commands for git to run: filters, hooks, programs that
//! fetch what is missing. So git is never asked there. What is needed of it is put into an empty repository that has the
//! user's own settings and no others.

use super::git::{Git, GitError};
use super::snapshot::{LOOK, copy_index};
use super::staging::{PREFIX, Place, StagingError, settled};
use std::fs::{DirEntry, FileType};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A repository as somebody has left it.
#[derive(Debug)]
pub struct Inner {
    pub place: Place,
    /// Goes with us, and so does whatever is written to it.
    _scratch: TempDir,
}

/// What it is called where the store of its objects is named.
const OBJECTS: &str = "theirs";

impl Inner {
    /// Finds the repository that begins at `folder`, and not one around it. What is needed to read it lies below `scratch`
    /// meanwhile.
    pub fn at(folder: &Path, scratch: &Path) -> Result<Inner, StagingError> {
        let own = tempfile::Builder::new().prefix(PREFIX).tempdir_in(scratch).map_err(at(scratch))?;
        let Theirs { own: theirs, common, format } = Theirs::of(folder)?;
        if common.join("reftable").symlink_metadata().is_ok() {
            let source = io::Error::other("crew cannot read in what manner its branches are kept");
            return Err(StagingError::File { path: folder.to_owned(), source });
        }
        let path = own.path();
        for name in ["objects/info", "refs", "info"] {
            std::fs::create_dir_all(path.join(name)).map_err(at(path))?;
        }
        let objects = common.join("objects");
        symlink(&objects, path.join(OBJECTS)).map_err(at(&objects))?;
        let (version, more) = match format.as_str() {
            "sha1" => (0, String::new()),
            _ => (1, format!("[extensions]\n\tobjectFormat = {format}\n")),
        };
        let config = format!("[core]\n\trepositoryFormatVersion = {version}\n{more}");
        for (name, content) in [("config", config), ("objects/info/alternates", format!("../{OBJECTS}\n"))] {
            std::fs::write(path.join(name), content).map_err(at(&path.join(name)))?;
        }
        copy(&theirs.join("HEAD"), &path.join("HEAD"))?;
        for name in ["packed-refs", "shallow", "info/exclude"] {
            copy(&common.join(name), &path.join(name))?;
        }
        for name in ["refs/heads", "refs/remotes"] {
            copy_all(&common.join(name), &path.join(name))?;
        }
        let index = theirs.join("index");
        copy_index(&index, &path.join("index")).map_err(at(&index))?;
        Ok(Inner { place: Place::of(folder, path), _scratch: own })
    }
}

/// Where a repository keeps what is not its files.
struct Theirs {
    own: PathBuf,
    common: PathBuf,
    /// By what its objects are named: `sha1`.
    format: String,
}

impl Theirs {
    fn of(folder: &Path) -> Result<Theirs, GitError> {
        let around = folder.parent().unwrap_or(folder);
        let git = settled(Git::at(folder).apart().within(LOOK)).with("GIT_CEILING_DIRECTORIES", around);
        // It starts nothing, whatever is set there.
        let words = ["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"];
        let said = git.text(&[&words[..], &["--show-object-format"]].concat())?;
        let mut lines = said.lines().map(str::to_owned);
        let mut next = || lines.next().unwrap_or_default();
        Ok(Theirs { own: next().into(), common: next().into(), format: next() })
    }
}

/// Copies a file, where there is one.
fn copy(from: &Path, to: &Path) -> Result<(), StagingError> {
    let is_file = from.symlink_metadata().is_ok_and(|kind| kind.is_file());
    if is_file {
        std::fs::copy(from, to).map_err(at(from))?;
    }
    Ok(())
}

/// Copies the files below a folder; what else lies there is no reference.
fn copy_all(from: &Path, to: &Path) -> Result<(), StagingError> {
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(()) };
    std::fs::create_dir_all(to).map_err(at(to))?;
    let kind = |entry: &DirEntry| entry.file_type().as_ref().is_ok_and(FileType::is_dir);
    for entry in entries.flatten() {
        let to = to.join(entry.file_name());
        if kind(&entry) { copy_all(&entry.path(), &to)? } else { copy(&entry.path(), &to)? }
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StagingError {
    let path = path.to_owned();
    move |source| StagingError::File { path, source }
}
