//! The file of findings that are put up with. It is read whole and written whole, and those who change it at once wait for
//! each other.

use super::StoreError;
use super::database::IGNORE_ALL;
use super::layout::{BASELINE, Layout};
use super::{atomic_file, lock};
use crate::domain::review::baseline::{Baseline, Unreadable};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The most bytes of the file that are read.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What can go wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{path} cannot be read: {why}")]
    Unreadable { path: PathBuf, why: Unreadable },
}

/// Reads the file of a repository; an empty one where there is none.
pub fn read(layout: &Layout) -> Result<Baseline, BaselineError> {
    let path = layout.baseline();
    let text = match read_text(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Baseline::default()),
        Err(error) if matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::InvalidData) => {
            let why = Unreadable::Malformed { line: 1, why: error.to_string() };
            return Err(BaselineError::Unreadable { path, why });
        }
        Err(error) => return Err(StoreError::file(path)(error).into()),
    };
    Baseline::read(&text).map_err(|why| BaselineError::Unreadable { path, why })
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Lets git see the file, where crew alone has said that it sees nothing of `.crew`.
fn track(layout: &Layout) -> Result<(), StoreError> {
    let ignore = layout.gitignore();
    if std::fs::read_to_string(&ignore).is_ok_and(|text| text == IGNORE_ALL) {
        let seen = format!("{IGNORE_ALL}!.gitignore\n!{BASELINE}\n");
        atomic_file::write(&ignore, seen.as_bytes())?;
    }
    Ok(())
}

/// Changes the file, and returns what `change` returns. Where nothing changes, nothing is written.
pub fn change<T>(layout: &Layout, change: impl FnOnce(&mut Baseline) -> T) -> Result<T, BaselineError> {
    let path = layout.baseline();
    let _lock = lock::take_beside(&path)?;
    let before = read(layout)?;
    let mut after = before.clone();
    let result = change(&mut after);
    if after != before {
        track(layout)?;
        atomic_file::write_synced(&path, after.write().as_bytes())?;
    }
    Ok(result)
}
