//! Which repositories the user trusts to supply commands.
//!
//! Kept in the user's own configuration folder, by the repository's real path, so that a repository cannot trust itself.

use super::StoreError;
use super::atomic_file;
use super::lock;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The list of trusted repositories in the user's configuration folder.
#[derive(Clone, Debug)]
pub struct TrustFile {
    path: PathBuf,
}

impl TrustFile {
    /// Names the list in a configuration folder.
    pub fn in_folder(folder: &Path) -> TrustFile {
        TrustFile { path: folder.join("trusted.json") }
    }

    /// Returns the trusted repositories.
    pub fn read(&self) -> Result<BTreeSet<String>, StoreError> {
        match std::fs::read(&self.path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(std::io::Error::from)
                .map_err(StoreError::file(&self.path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(StoreError::file(&self.path)(error)),
        }
    }

    /// Tells whether a repository is trusted.
    pub fn trusts(&self, repository: &Path) -> Result<bool, StoreError> {
        Ok(self.read()?.contains(&key(repository)))
    }

    /// Trusts a repository, or takes the trust back. Tells whether that changed anything.
    pub fn set(&self, repository: &Path, trusted: bool) -> Result<bool, StoreError> {
        let _lock = lock::take_beside(&self.path)?;
        let mut list = self.read()?;
        let changed = if trusted { list.insert(key(repository)) } else { list.remove(&key(repository)) };
        if changed {
            atomic_file::write_with(&self.path, |file| {
                serde_json::to_writer_pretty(file, &list).map_err(Into::into)
            })?;
        }
        Ok(changed)
    }
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
}
