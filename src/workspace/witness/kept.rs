//! A witness that outlives the crew process that took it, so that the next one can compare.
//!
//! # How it works
//!
//! What is compared lies in the snapshot's own folder, as one file that is whole or not there; the snapshot's folder and
//! its objects stay when the process dies. Whoever takes the witness up works on a copy, so that it can be taken up again.
//! Nothing of it is synced: after a power cut it may be unreadable, and then a person is asked.

use super::{Changes, Places, Repository, Witness, git_of};
use crate::workspace::snapshot::{self, Snapshot, SnapshotError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind::NotADirectory, ErrorKind::NotFound};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The file in the snapshot's own folder.
const RECORD: &str = "witness.json";
/// A file beside it: when whoever took the witness lived for sure.
const LIVED: &str = "lived";

#[derive(Serialize, Deserialize)]
struct Record {
    /// What the witness is for.
    of: String,
    witness: Noted,
}

/// A witness that a process kept that died.
#[derive(Clone, Debug)]
pub struct Kept {
    witness: Noted,
    /// When that process lived for sure, in milliseconds since 1970; none where it did not say so.
    pub lived: Option<i64>,
}

/// What another process has to know of a witness.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Noted {
    snapshot: snapshot::Noted,
    common: PathBuf,
    only: Option<String>,
    before: Repository,
    index_file: String,
    inside: BTreeMap<String, Noted>,
    astray: BTreeMap<PathBuf, String>,
}

impl Witness {
    /// Makes another process able to take it up, should this one die. `of` is what it is for. It stays on the disk until
    /// it is forgotten.
    pub fn keep(&mut self, of: &str) -> io::Result<()> {
        let text = serde_json::to_vec(&Record { of: of.to_owned(), witness: self.noted() })?;
        let folder = self.snapshot.scratch();
        let file = tempfile::Builder::new().prefix(RECORD).tempfile_in(folder)?;
        std::fs::write(file.path(), text)?;
        file.persist(folder.join(RECORD)).map_err(|error| error.error)?;
        self.set_lasting(true);
        Ok(())
    }

    /// Says to whoever takes it up that this process lived at a moment, in milliseconds since 1970.
    pub fn note_alive(&self, now: i64) -> io::Result<()> {
        // Where only the first digits are written, that says of an earlier moment.
        std::fs::write(self.snapshot.scratch().join(LIVED), now.to_string())
    }

    /// Takes away what is kept of it.
    pub fn forget(mut self) {
        self.set_lasting(false);
    }

    fn set_lasting(&mut self, lasting: bool) {
        self.snapshot.set_lasting(lasting);
        self.inside.values_mut().for_each(|witness| witness.set_lasting(lasting));
    }

    fn noted(&self) -> Noted {
        Noted {
            snapshot: self.snapshot.noted(),
            common: self.places.common.clone(),
            only: self.places.only.clone(),
            before: self.before.clone(),
            index_file: self.index_file.clone(),
            inside: self.inside.iter().map(|(path, witness)| (path.clone(), witness.noted())).collect(),
            astray: self.astray.clone(),
        }
    }

    /// Takes up a witness that another process kept.
    pub fn restore(folder: &Path, kept: Kept, scratch: &Path) -> Result<Witness, SnapshotError> {
        Witness::restore_noted(folder, kept.witness, scratch)
    }

    fn restore_noted(folder: &Path, noted: Noted, scratch: &Path) -> Result<Witness, SnapshotError> {
        let Noted { snapshot, common, only, before, index_file, inside, astray } = noted;
        let snapshot = Snapshot::restore(folder, &snapshot, scratch)?;
        let own = snapshot.places().repository.clone();
        let git = git_of(folder, &own);
        let places = Places { own, common, index: snapshot.places().index.clone(), only };
        let restored = |(path, noted): (String, Noted)| {
            let witness = Witness::restore_noted(&folder.join(&path), noted, scratch)?;
            Ok((path, witness))
        };
        let inside = inside.into_iter().map(restored).collect::<Result<_, SnapshotError>>()?;
        Ok(Witness { snapshot, git, places, before, index_file, inside, astray })
    }

    /// Tells whether all that has changed was as it is now before a moment, in milliseconds since 1970. The file system
    /// says so of files, by a time that nobody can set; of anything else nothing says so.
    pub fn changed_before(&self, changes: &Changes, moment: i64) -> bool {
        let beside_files = !changes.refs.is_empty() || changes.index || !changes.settings.is_empty();
        let paths = changes.files.files.iter().chain(&changes.inside);
        !beside_files
            && changes.unseen.is_empty()
            && paths.into_iter().all(|path| self.last_change(path).is_some_and(|at| at < moment))
    }

    /// Returns when a file came to be what it is, or came to be gone: the newest time of it and of the folders on the way
    /// there, because each of them may have been put in another's place. None where that is not known.
    fn last_change(&self, path: &str) -> Option<i64> {
        if path.contains(char::REPLACEMENT_CHARACTER) {
            // Its name is another one.
            return None;
        }
        let top = self.git.dir();
        let below = Path::new(path).ancestors().filter(|part| !part.as_os_str().is_empty());
        let mut newest = None;
        for place in below.map(|part| top.join(part)).chain([top.to_owned()]) {
            match place.symlink_metadata() {
                // The top changes with everything that comes and goes in it.
                Ok(_) if place == top && newest.is_some() => {}
                Ok(found) => {
                    newest = newest.max(Some(found.ctime() * 1_000 + found.ctime_nsec() / 1_000_000))
                }
                // The folder that it was in tells.
                Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {}
                Err(_) => return None,
            }
        }
        newest
    }
}

impl Noted {
    /// Returns the names of the folders that it needs.
    fn folders(&self) -> Vec<String> {
        let inside = self.inside.values().flat_map(Noted::folders);
        std::iter::once(self.snapshot.own().to_owned()).chain(inside).collect()
    }
}

/// Finds what a process that died kept.
pub fn kept(scratch: &Path, of: &str) -> Option<Kept> {
    let Record { witness, .. } = records(scratch).find(|record| record.of == of)?;
    let lived = std::fs::read_to_string(scratch.join(witness.snapshot.own()).join(LIVED)).ok();
    Some(Kept { witness, lived: lived.and_then(|lived| lived.parse().ok()) })
}

/// Takes away what snapshots of a process that was killed left in their scratch folder, but for the witnesses of those
/// that are named.
pub fn sweep(scratch: &Path, spared: &[String]) {
    let records = records(scratch).filter(|record| spared.contains(&record.of));
    snapshot::sweep_but(scratch, &records.flat_map(|record| record.witness.folders()).collect::<Vec<_>>());
}

fn records(scratch: &Path) -> impl Iterator<Item = Record> {
    let folders = std::fs::read_dir(scratch).into_iter().flatten().flatten();
    let texts = folders.filter_map(|entry| std::fs::read(entry.path().join(RECORD)).ok());
    // What is not whole is worth nothing.
    texts.filter_map(|text| serde_json::from_slice(&text).ok())
}
