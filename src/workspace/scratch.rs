//! Folders among those for temporary files, which go with whoever made them.
//!
//! Each is locked for as long as its maker lives: one that nobody holds was left by a process that was killed, and goes when the
//! next one is made.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// A folder is locked only once it is there: a younger one is let alone.
const YOUNG: Duration = Duration::from_secs(60);

/// A folder that goes when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _held: File,
}

impl Scratch {
    /// Makes a folder among those for temporary files, whose name begins like this. What others of that name have left goes.
    pub fn new(prefix: &str) -> io::Result<Scratch> {
        Scratch::new_in(&std::env::temp_dir(), prefix)
    }

    fn new_in(place: &Path, prefix: &str) -> io::Result<Scratch> {
        sweep(place, prefix);
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(place)?;
        let held = File::open(folder.path())?;
        // Where folders cannot be locked, nobody takes this one for left either.
        let _ = held.try_lock();
        Ok(Scratch { folder, _held: held })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Takes away what was left by those who were killed. What cannot be removed is in nobody's way.
fn sweep(place: &Path, prefix: &str) {
    let own = rustix::process::geteuid().as_raw();
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let is_old = |there: &std::fs::Metadata| {
            there.modified().is_ok_and(|at| at.elapsed().is_ok_and(|age| age > YOUNG))
        };
        // No link is followed: others may write there too.
        let ours = entry.metadata().is_ok_and(|there| there.is_dir() && there.uid() == own && is_old(&there));
        if ours && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn what_nobody_holds_any_more_goes_and_what_somebody_does_stays() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let old = |name: &str| {
            let past = SystemTime::now() - 2 * YOUNG;
            File::open(at(name)).unwrap().set_modified(past).unwrap();
        };
        for name in ["crew-export-left", "crew-export-young", "mine"] {
            std::fs::create_dir(at(name)).unwrap();
            std::fs::write(at(name).join("file"), "x").unwrap();
        }
        std::os::unix::fs::symlink(at("mine"), at("crew-export-link")).unwrap();
        let held = Scratch::new_in(place.path(), "crew-export-").unwrap();
        let name = held.path().file_name().unwrap().to_str().unwrap().to_owned();
        ["crew-export-left", "mine", &name].into_iter().for_each(old);
        let other = Scratch::new_in(place.path(), "crew-export-").unwrap();
        assert!(!at("crew-export-left").exists());
        assert!(at("crew-export-young").exists() && at("mine/file").exists() && held.path().exists());
        drop((held, other));
        assert!(!at(&name).exists());
    }
}
