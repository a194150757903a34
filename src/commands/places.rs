//! The places that users name for what is written: files, links to files, and what only looks like a file.

use crate::store::atomic_file::BESIDE;
use crate::store::layout::{FOLDER, Layout, WORKTREES};
use anyhow::Context as _;
use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

/// The most links that are followed one after the other, as in Linux.
const MAX_LINKS: usize = 40;
/// What a new file may be used for, before the process's umask: as with a shell's `>`.
const NEW_FILE: u32 = 0o666;
/// Where the files that this process holds have names.
const DESCRIPTORS: &str = "/proc/self/fd";
/// What of a file's mode says what it may be used for.
const MODE: u32 = 0o7777;

/// Where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard output, whatever it was called.
    Stdout,
    /// A device, a pipe, or a file that somebody opened for us: it is opened and written, and stays what it is.
    Open(PathBuf),
    /// A file or none yet, behind all links: readers see the old content or the new one.
    File(PathBuf),
}

impl Place {
    /// Finds out what is meant by a path; nothing is opened.
    pub fn of(named: &Path) -> io::Result<Place> {
        let mut path = named.to_owned();
        for _ in 0..MAX_LINKS {
            let folder = folder_of(&path).canonicalize()?;
            if is_of_descriptors(&folder) {
                let own = folder.starts_with(format!("/proc/{}", std::process::id()));
                let is_stdout = own && path.file_name().is_some_and(|name| name == "1");
                return Ok(if is_stdout { Place::Stdout } else { Place::Open(path) });
            }
            let path_here = folder.join(path.file_name().unwrap_or_default());
            match fs::read_link(&path_here) {
                Ok(target) => path = folder.join(target),
                Err(_) => return Place::behind_links(path_here),
            }
        }
        Err(io::Error::other("too many links lead from one to the next"))
    }

    fn behind_links(path: PathBuf) -> io::Result<Place> {
        match fs::symlink_metadata(&path) {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() => Ok(Place::Open(path)),
            Ok(_) => Ok(Place::File(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::File(path)),
            Err(error) => Err(error),
        }
    }

    /// Tells whether the file would lie among those of git or of crew, where it may take the place of one that is needed.
    /// Tasks' own work trees are below `.crew` too, and are like any other.
    pub fn is_kept(&self) -> bool {
        let (Place::File(path) | Place::Open(path)) = self else { return false };
        let mut folders = folder_of(path).components().map(Component::as_os_str);
        while let Some(folder) = folders.next() {
            if folder == ".git" || (folder == FOLDER && folders.next().is_none_or(|below| below != WORKTREES))
            {
                return true;
            }
        }
        false
    }

    /// Writes it.
    pub fn write(&self, content: &[u8]) -> io::Result<()> {
        self.fill(|out| out.write_all(content))
    }

    /// Writes it by what `fill` puts there. A file is there with all of that, or as it was.
    pub fn fill<E: From<io::Error>>(
        &self,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Place::Stdout => fill(&mut io::stdout().lock()),
            // What comes before in a file that is open already stays.
            Place::Open(path) => fill(&mut OpenOptions::new().append(true).open(path)?),
            Place::File(path) => replace(path, fill),
        }
    }
}

/// Returns the folder that a path lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Tells whether a folder is `/proc/PID/fd` or `/proc/PID/task/TID/fd`, whose names are no links that can be followed by
/// their text.
fn is_of_descriptors(folder: &Path) -> bool {
    let parts: Vec<Component<'_>> = folder.components().collect();
    folder.starts_with("/proc") && parts.len() >= 4 && folder.ends_with("fd")
}

/// Writes a file beside, and gives it the name at its end. It has the mode and the owner that the file had; a new one what the
/// umask leaves.
fn replace<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let before = fs::metadata(path).ok();
    if let Some(mut file) = nameless_in(folder_of(path)) {
        if let Some(before) = before {
            keep(&file, &before)?;
        }
        fill(&mut file)?;
        return Ok(name(&file, path)?);
    }
    let mut beside = tempfile::Builder::new()
        .prefix(BESIDE)
        .permissions(Permissions::from_mode(NEW_FILE))
        .tempfile_in(folder_of(path))?;
    if let Some(before) = before {
        keep(beside.as_file(), &before)?;
    }
    fill(&mut beside)?;
    beside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes the folder for what is written without a place of its own, and returns it.
pub fn make_exports(layout: &Layout) -> anyhow::Result<PathBuf> {
    let folder = layout.exports();
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

/// Makes a file for its owner alone. Where one is there already it stays, and that is an error; what cannot be written whole is
/// not there.
pub fn make_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut beside = tempfile::Builder::new().prefix(BESIDE).tempfile_in(folder_of(path))?;
    beside.write_all(content)?;
    beside.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// Makes a file without a name, of which nothing stays where its writer is killed; none where the file system knows no such
/// file, or it could be given no name later.
fn nameless_in(folder: &Path) -> Option<File> {
    #[cfg(target_os = "linux")]
    if Path::new(DESCRIPTORS).is_dir() {
        use rustix::fs::{Mode, OFlags};
        let (flags, mode) =
            (OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::from_raw_mode(NEW_FILE));
        return rustix::fs::open(folder, flags, mode).ok().map(File::from);
    }
    let _ = folder;
    None
}

/// Gives a file without a name a name, and its place to it where another one has that.
fn name(file: &File, path: &Path) -> io::Result<()> {
    let own = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
    let link = |to: &Path| rustix::fs::linkat(CWD, &own, CWD, to, AtFlags::SYMLINK_FOLLOW);
    match link(path) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    // Only the file that is whole is ever beside it, and only until the next line.
    let beside =
        tempfile::Builder::new().prefix(BESIDE).make_in(folder_of(path), |beside| Ok(link(beside)?))?;
    beside.into_temp_path().persist(path).map_err(|error| error.error)
}

fn keep(file: &File, before: &fs::Metadata) -> io::Result<()> {
    // Only root gives files away; for anyone else the new one is theirs.
    let _ = fchown(file, Some(before.uid()), Some(before.gid()));
    file.set_permissions(Permissions::from_mode(before.mode() & MODE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & MODE
    }

    #[test]
    fn what_git_and_crew_keep_is_no_place_for_a_report() {
        let is_kept = |path: &str| Place::File(path.into()).is_kept();
        for path in ["/r/.crew/crew.db", "/r/.git/config", "/r/.git/x/y", "/r/.crew/runs/1/manifest.json"] {
            assert!(is_kept(path), "{path}");
        }
        for path in
            ["/r/report.json", "/r/.crew/worktrees/7k2/look/out.sarif", "/r/.github/x", "/r/.crew.json"]
        {
            assert!(!is_kept(path), "{path}");
        }
        assert!(is_kept("/r/.crew/worktrees/7k2/look/.crew/x") && !Place::Stdout.is_kept());
    }

    #[test]
    fn a_file_keeps_its_mode_and_a_new_one_has_what_any_new_file_has() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "long before").unwrap();
        fs::set_permissions(at("old"), Permissions::from_mode(0o754)).unwrap();
        fs::write(at("any"), "").unwrap();
        for name in ["old", "new"] {
            Place::of(&at(name)).unwrap().write(b"now").unwrap();
            assert_eq!(fs::read(at(name)).unwrap(), b"now");
        }
        assert_eq!((mode(&at("old")), mode(&at("new"))), (0o754, mode(&at("any"))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn links_are_written_through_to_what_is_there_or_will_be() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("in")).unwrap();
        fs::write(at("in/file"), "before").unwrap();
        for (link, target) in [("one", "in/two"), ("in/two", "../in/file"), ("to_new", "in/new")] {
            symlink(target, at(link)).unwrap();
        }
        for (link, file) in [("one", "in/file"), ("to_new", "in/new")] {
            assert_eq!(Place::of(&at(link)).unwrap(), Place::of(&at(file)).unwrap());
            Place::of(&at(link)).unwrap().write(b"now").unwrap();
            assert_eq!(fs::read(at(file)).unwrap(), b"now");
            assert!(fs::read_link(at(link)).is_ok());
        }
        symlink("round", at("round")).unwrap();
        assert!(Place::of(&at("round")).is_err() && Place::of(&at("in")).is_err());
    }

    #[test]
    fn devices_and_what_is_open_are_written_and_stay_what_they_are() {
        let null = Path::new("/dev/null");
        assert_eq!(Place::of(null).unwrap(), Place::Open(null.to_owned()));
        assert!(Place::of(Path::new("/dev/full")).unwrap().write(b"x").is_err());
        assert_eq!(Place::of(Path::new("/dev/fd/1")).unwrap(), Place::Stdout);
        assert_eq!(Place::of(Path::new("/dev/stdout")).unwrap(), Place::Stdout);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("open");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"before ").unwrap();
        let descriptor = format!("/dev/fd/{}", file.as_raw_fd());
        Place::of(Path::new(&descriptor)).unwrap().write(b"now").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before now");
    }
}
