//! Which repositories the user trusts to supply commands, and which runs of other people that were taken in there.
//!
//! Kept in the user's own configuration folder, by the repository's real path, so that a repository cannot trust itself.
//! Whoever trusts a repository has read its files, and not those runs: each of them is trusted by itself.

use super::StoreError;
use super::atomic_file;
use super::lock;
use crate::domain::id::RunId;
use crate::domain::imported::Imported;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The lists of what is trusted, in the user's configuration folder.
#[derive(Clone, Debug)]
pub struct TrustFile {
    path: PathBuf,
    runs: PathBuf,
}

impl TrustFile {
    /// Names the lists in a configuration folder.
    pub fn in_folder(folder: &Path) -> TrustFile {
        TrustFile { path: folder.join("trusted.json"), runs: folder.join("trusted-runs.json") }
    }

    /// Returns the trusted repositories.
    pub fn read(&self) -> Result<BTreeSet<String>, StoreError> {
        read(&self.path)
    }

    /// Tells whether a repository is trusted.
    pub fn trusts(&self, repository: &Path) -> Result<bool, StoreError> {
        Ok(self.read()?.contains(&key(repository)))
    }

    /// Trusts a repository, or takes the trust back, and with it that in all runs which were taken in there. Tells whether
    /// that changed anything.
    pub fn set(&self, repository: &Path, trusted: bool) -> Result<bool, StoreError> {
        let repository = key(repository);
        if trusted {
            return change(&self.path, |list| list.insert(repository));
        }
        let changed = change(&self.path, |list| list.remove(&repository))?;
        let of_repository = format!("{repository}#");
        let forgotten = change(&self.runs, |list| {
            let before = list.len();
            list.retain(|run| !run.starts_with(&of_repository));
            list.len() != before
        })?;
        Ok(changed || forgotten)
    }

    /// Tells whether a run that was taken in from a file is trusted: as it came from that file, and in that repository.
    pub fn trusts_run(&self, repository: &Path, run: &RunId, from: &Imported) -> Result<bool, StoreError> {
        Ok(read(&self.runs)?.contains(&run_key(repository, run, from)))
    }

    /// Trusts a run that was taken in from a file.
    pub fn trust_run(&self, repository: &Path, run: &RunId, from: &Imported) -> Result<(), StoreError> {
        change(&self.runs, |list| list.insert(run_key(repository, run, from))).map(drop)
    }
}

fn read(path: &Path) -> Result<BTreeSet<String>, StoreError> {
    match std::fs::read(path) {
        Ok(text) => {
            serde_json::from_slice(&text).map_err(std::io::Error::from).map_err(StoreError::file(path))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(StoreError::file(path)(error)),
    }
}

/// Changes a list, where `change` says that it did.
fn change(path: &Path, change: impl FnOnce(&mut BTreeSet<String>) -> bool) -> Result<bool, StoreError> {
    let _lock = lock::take_beside(path)?;
    let mut list = read(path)?;
    let changed = change(&mut list);
    if changed {
        atomic_file::write_with(path, |file| serde_json::to_writer_pretty(file, &list).map_err(Into::into))?;
    }
    Ok(changed)
}

fn run_key(repository: &Path, run: &RunId, from: &Imported) -> String {
    format!("{}#{run}#{}", key(repository), from.sha256)
}

fn key(repository: &Path) -> String {
    repository.canonicalize().unwrap_or_else(|_| repository.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_given_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let trust = TrustFile::in_folder(&folder.path().join("crew"));
        assert!(!trust.trusts(folder.path()).unwrap());
        assert!(trust.set(folder.path(), true).unwrap() && trust.trusts(folder.path()).unwrap());
        assert!(!trust.set(folder.path(), true).unwrap());
        assert!(trust.set(folder.path(), false).unwrap() && !trust.trusts(folder.path()).unwrap());
    }

    #[test]
    fn a_run_is_trusted_by_itself_as_it_came_and_no_longer_than_its_repository() {
        let folder = tempfile::tempdir().unwrap();
        let trust = TrustFile::in_folder(&folder.path().join("crew"));
        let run = RunId::parse("7k2aaaaaaaaa").unwrap();
        let from = |sha256: &str| Imported {
            file: "f".into(),
            sha256: sha256.into(),
            by: "ann".into(),
            exported_by: "bob".into(),
            exported_at: crate::domain::time::Time(0),
            repository: "r".into(),
            was: None,
        };
        let trusted = |sha256: &str| trust.trusts_run(folder.path(), &run, &from(sha256)).unwrap();
        trust.set(folder.path(), true).unwrap();
        assert!(!trusted("a"));
        trust.trust_run(folder.path(), &run, &from("a")).unwrap();
        assert!(trusted("a") && !trusted("b"));
        assert!(trust.set(folder.path(), false).unwrap() && !trusted("a"));
    }
}
