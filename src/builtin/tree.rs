//! How files of a repository are opened: regular files inside it, and nothing else.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions, symlink_metadata};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// A work tree as it lies on disk.
pub(super) struct Tree {
    root: PathBuf,
    /// Whether a folder is a real one; asked for every file in it.
    folders: RefCell<HashMap<PathBuf, bool>>,
}

impl Tree {
    pub(super) fn at(root: impl Into<PathBuf>) -> Tree {
        Tree { root: root.into(), folders: RefCell::default() }
    }

    /// Returns what is known about a regular file without opening it, or `None` for everything else.
    ///
    /// A symbolic link is not followed anywhere in `path`, which is relative to the root.
    pub(super) fn look(&self, path: &Path) -> Option<Metadata> {
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || !self.is_real_folder(path.parent()?) {
            return None;
        }
        symlink_metadata(self.root.join(path)).ok().filter(Metadata::is_file)
    }

    /// Opens a regular file for reading; `None` for everything else, and where it can't be read.
    pub(super) fn open(&self, path: &Path) -> Option<File> {
        self.look(path)?;
        // Between the look and the opening a FIFO may have come; opening that must not wait for a writer.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(self.root.join(path)).ok()?;
        file.metadata().ok()?.is_file().then_some(file)
    }

    /// Reads the first `max` bytes of a regular file as text.
    pub(super) fn read(&self, path: &Path, max: u64) -> Option<String> {
        let mut bytes = Vec::new();
        self.open(path)?.take(max).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn is_real_folder(&self, folder: &Path) -> bool {
        if folder.as_os_str().is_empty() {
            return true;
        }
        if let Some(known) = self.folders.borrow().get(folder) {
            return *known;
        }
        // Outermost first, without recursion: a path may have thousands of parts.
        let mut above: Vec<_> = folder.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
        above.reverse();
        let mut real = true;
        let mut folders = self.folders.borrow_mut();
        for path in above {
            real = match folders.get(path) {
                Some(known) => *known,
                None => real && symlink_metadata(self.root.join(path)).is_ok_and(|found| found.is_dir()),
            };
            folders.insert(path.to_owned(), real);
        }
        real
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir, write};
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_inside_are_read() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        create_dir(&root).unwrap();
        create_dir(root.join("dir")).unwrap();
        create_dir(outer.path().join("elsewhere")).unwrap();
        write(outer.path().join("elsewhere/secret"), "secret").unwrap();
        write(root.join("dir/plain"), "plain text").unwrap();
        symlink("dir/plain", root.join("link")).unwrap();
        symlink("../elsewhere", root.join("out")).unwrap();
        let fifo = std::process::Command::new("mkfifo").arg(root.join("fifo")).status().unwrap();
        assert!(fifo.success());

        let tree = Tree::at(&root);
        assert_eq!(tree.read(Path::new("dir/plain"), 5).as_deref(), Some("plain"));
        for refused in ["link", "out/secret", "fifo", "dir", "none", "../elsewhere/secret", "", "/etc/passwd"]
        {
            assert_eq!(tree.read(Path::new(refused), 99), None, "{refused}");
        }
    }
}
