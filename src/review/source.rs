//! Where the text of a file comes from: the disk, or git's store.

use crate::workspace::blobs::Blobs;
use crate::workspace::git::GitError;
use rustix::fs::{Mode, OFlags};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most bytes of one file that are read; the rest is not examined.
pub const MAX_READ: u64 = 16 * 1024 * 1024;

/// What is at a path.
#[derive(Debug)]
pub enum Content {
    /// The first bytes, and the size of all of it.
    Text { bytes: Vec<u8>, size: u64 },
    /// A symbolic link and where it points.
    Link(Vec<u8>),
    /// Nothing, which is no news where files may be missing.
    Gone,
    /// Something that is not read, and why.
    Other(&'static str),
}

/// Files of a work tree, read without ever leaving it.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    /// Whether a folder is reached without passing a link.
    folders: HashMap<PathBuf, bool>,
}

impl Disk {
    /// Reads below `root`.
    pub fn new(root: &Path) -> Disk {
        Disk { root: root.to_owned(), folders: HashMap::new() }
    }

    /// Reads what is at a path; pipes and devices are never opened, links never followed.
    pub fn read(&mut self, path: &[u8]) -> Content {
        let relative = Path::new(OsStr::from_bytes(path));
        if !relative.parent().is_none_or(|folder| self.is_plain(folder)) {
            return Content::Gone;
        }
        read_plain(&self.root.join(relative)).unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Content::Gone,
            _ => Content::Other("that could not be read"),
        })
    }

    fn is_plain(&mut self, folder: &Path) -> bool {
        if folder.as_os_str().is_empty() {
            return true;
        }
        if let Some(known) = self.folders.get(folder) {
            return *known;
        }
        let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
        let plain =
            folder.parent().is_none_or(|parent| self.is_plain(parent)) && is_folder(&self.root.join(folder));
        self.folders.insert(folder.to_owned(), plain);
        plain
    }
}

fn read_plain(path: &Path) -> io::Result<Content> {
    let found = path.symlink_metadata()?;
    if found.is_symlink() {
        return Ok(Content::Link(path.read_link()?.as_os_str().as_bytes().to_vec()));
    }
    if found.is_dir() {
        return Ok(Content::Other("that are repositories of their own, not examined"));
    }
    if !found.is_file() {
        return Ok(Content::Other("that are pipes, sockets or devices, not examined"));
    }
    // It may have been replaced since: a link is then refused, and a pipe doesn't block.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let size = file.metadata()?.len();
    let mut bytes = Vec::with_capacity(size.min(MAX_READ) as usize);
    file.take(MAX_READ).read_to_end(&mut bytes)?;
    let size = size.max(bytes.len() as u64);
    Ok(Content::Text { bytes, size })
}

/// Reads a blob of git's store, by its id or as `rev:path`.
pub fn read_blob(blobs: &mut Blobs, name: &[u8], is_link: bool) -> Result<Content, GitError> {
    Ok(match blobs.read(name, MAX_READ)? {
        None => Content::Other("that git's store does not hold, not examined"),
        Some(blob) if is_link => Content::Link(blob.bytes),
        Some(blob) => Content::Text { bytes: blob.bytes, size: blob.size },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_pipes_and_folders_are_told_and_never_followed() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        std::fs::write(at("folder/inner"), "inner").unwrap();
        std::os::unix::fs::symlink("folder", at("link")).unwrap();
        #[cfg(target_os = "linux")]
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        let mut disk = Disk::new(root.path());
        assert!(matches!(disk.read(b"file"), Content::Text { size: 4, .. }));
        assert!(matches!(disk.read(b"folder/inner"), Content::Text { size: 5, .. }));
        assert!(matches!(disk.read(b"link"), Content::Link(target) if target == b"folder"));
        assert!(matches!(disk.read(b"link/inner"), Content::Gone));
        assert!(matches!(disk.read(b"file/inner"), Content::Gone));
        #[cfg(target_os = "linux")]
        assert!(matches!(disk.read(b"pipe"), Content::Other(_)));
        assert!(matches!(disk.read(b"folder"), Content::Other(_)));
    }
}
