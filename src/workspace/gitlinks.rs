//! Submodules that are not checked out. Git looks at nothing below them; somebody may have put files there all the same.

use super::git::{Git, GitError};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Returns the paths of commits of other repositories out of what `git ls-files --stage -z` says.
pub fn links(entries: &[u8]) -> Vec<PathBuf> {
    let links = entries.split(|byte| *byte == 0).filter_map(|entry| entry.strip_prefix(b"160000 "));
    let links = links.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1));
    links.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect()
}

/// Files, relative to the top of the work tree, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub files: Vec<PathBuf>,
    pub left: Vec<String>,
}

/// Finds the files in the folder of a submodule in which there is no repository, without those that git ignores.
///
/// `git` speaks to the repository around it, and `no_index` is a name beside which nothing lies: with the index there, git
/// refuses to be asked about what is below a submodule.
pub fn files_below(git: &Git, folder: &Path, link: &Path, no_index: &Path) -> Result<Found, GitError> {
    let mut found = Found::default();
    let at = folder.join(link);
    let is_folder = at.symlink_metadata().is_ok_and(|kind| kind.is_dir());
    if !is_folder || at.join(".git").symlink_metadata().is_ok() {
        return Ok(found);
    }
    list(folder, link, &mut found);
    if !found.files.is_empty() {
        let ignored = ignored(&git.clone().with("GIT_INDEX_FILE", no_index), &found.files)?;
        found.files.retain(|file| !ignored.contains(file));
        found.files.sort_unstable();
    }
    Ok(found)
}

/// Lists what lies below a folder, without what git keeps for itself there.
pub fn list(top: &Path, path: &Path, found: &mut Found) {
    let entries = match std::fs::read_dir(top.join(path)) {
        Ok(entries) => entries,
        Err(error) => return found.left.push(format!("{}: {error}", path.display())),
    };
    for entry in entries.flatten().filter(|entry| entry.file_name() != ".git") {
        let path = path.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(top, &path, found),
            Ok(kind) if kind.is_file() || kind.is_symlink() => found.files.push(path),
            Ok(_) => {}
            Err(error) => found.left.push(format!("{}: {error}", path.display())),
        }
    }
}

/// Returns those of the files that git ignores.
pub fn ignored(git: &Git, files: &[PathBuf]) -> Result<HashSet<PathBuf>, GitError> {
    let said = git.answer(&["check-ignore", "-z", "--stdin"], &joined(files))?;
    let names = said.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect())
}

/// Returns names as git reads them on its stdin with `-z`.
pub fn joined(files: &[PathBuf]) -> Vec<u8> {
    files.iter().flat_map(|file| [file.as_os_str().as_bytes(), b"\0"].concat()).collect()
}
