//! What is on disk under `.crew`.
//!
//! `crew.db` is the truth: events, and tables derived from them in the same transaction. The JSON files in a run's
//! folder are copies for readers and are never read back. Requests of other processes come in as files (`inbox`).
//!
//! # How it works
//!
//! One process owns a run, by a lock on an open file (`lock`); only the owner appends to that run. A second process
//! that wants something leaves a request, or takes the lock where nobody holds it. Should two write all the same, the
//! one that decided without knowing what the other has written is refused (`StoreError::Stale`).

pub mod artifacts;
pub mod atomic_file;
pub mod back_offs;
pub mod baseline;
pub mod copies;
pub mod database;
pub mod figures;
pub mod heartbeats;
pub mod imports;
pub mod inbox;
pub mod layers;
pub mod layout;
pub mod lock;
pub mod log_file;
pub mod log_tail;
pub mod person_key;
pub mod pipe;
pub mod queries;
pub mod recordings;
pub mod reviews;
pub mod salvage;
pub mod set_aside;
pub mod tombstones;
pub mod trust;
pub mod verified;
pub mod watch;

use crate::domain::id::RunId;
use std::path::{Path, PathBuf};

/// What can go wrong on disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the store {path}")]
    Database {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("the store {path} was written by a newer crew (schema {found}, this one knows {known})")]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("event {seq} in the store cannot be read: {why}")]
    UnreadableEvent { seq: i64, why: String },
    #[error("run {run} was changed by another process after it was read; nothing was written")]
    Stale { run: RunId },
    #[error("run {run} reviews this already; nothing was written")]
    ReviewTaken { run: RunId },
    #[error("the store {path} is replaced by a new one; nothing was written")]
    Replaced { path: PathBuf },
    #[error(transparent)]
    Illegal(#[from] crate::domain::run::Illegal),
}

impl StoreError {
    /// Names the file that an input or output error is about.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.into();
        move |source| StoreError::File { path, source }
    }

    /// Tells whether it may not be written here.
    pub fn is_read_only(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
        use std::io::ErrorKind;
        match self {
            StoreError::File { source, .. } => {
                matches!(source.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
            }
            StoreError::Database { source, .. } => {
                matches!(source.sqlite_error_code(), Some(ReadOnly | CannotOpen | PermissionDenied))
            }
            _ => false,
        }
    }

    /// Tells whether this process, or all of them together, may open no more files.
    pub fn is_out_of_files(&self) -> bool {
        let StoreError::File { source, .. } = self else { return false };
        let too_many = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].map(|errno| errno.raw_os_error());
        // Where a file could not be made beside, only the words of the error say which it was.
        let words = source.to_string();
        let is_said = |number: &i32| words.contains(&format!("(os error {number})"));
        source
            .raw_os_error()
            .map_or_else(|| too_many.iter().any(is_said), |number| too_many.contains(&number))
    }

    /// Tells whether another process was writing for longer than we wait.
    pub fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        let StoreError::Database { source, .. } = self else { return false };
        matches!(source.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
    }

    /// Tells whether the file of the store is damaged.
    pub fn is_damaged(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let StoreError::Database { source, .. } = self else { return false };
        matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
    }

    /// Tells whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        match self {
            StoreError::File { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            StoreError::Database { path, source } => {
                // What a store shares in memory is a file too, and grows when it is opened; other errors do not say why.
                let cannot_grow =
                    |error: &rusqlite::ffi::Error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
                match source.sqlite_error_code() {
                    Some(rusqlite::ErrorCode::DiskFull) => true,
                    Some(rusqlite::ErrorCode::SystemIoFailure) => {
                        source.sqlite_error().is_some_and(cannot_grow) || has_no_space(path)
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

/// Tells whether nothing more can be written where a file is.
fn has_no_space(file: &Path) -> bool {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.is_some_and(|folder| rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail == 0))
}
