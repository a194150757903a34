//! A run as one file that another crew can take in: a tar archive, compressed by gzip, that any tar can look into.
//!
//! # How it works
//!
//! The first entry is the manifest. It names every other entry with its size and its SHA-256, and nothing else may be in
//! the file, so whoever reads it knows beforehand how much will come and stops where it is more. That guards against
//! damage; whoever forges a file forges the manifest too. So what is read is believed as little as what an agent says: the
//! events have to follow from each other, and name no path and no reference that is not the run's own.
//!
//! Text is without secrets. What git holds of the run's branches is a bundle of git's, as it is: an object without its
//! secrets would be another object.

mod checking;
mod opening;
mod packing;

pub use checking::{Incoming, NO_BOOT, Standing, compare, incoming};
pub use opening::{Bounds, Opened, open};
pub use packing::{Packing, pack};

use super::ExportError;
use crate::domain::id::RunId;
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use crate::store::StoreError;
use crate::workspace::changes::TellError;
use crate::workspace::git::GitError;
use crate::workspace::packing::{PackError, Reference};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Of the layout of the file; a crew that knows an older one only does not read it.
pub const SCHEMA_VERSION: u32 = 1;

/// Says that a file is one of these.
const FORMAT: &str = "crew-run";
/// The names of entries.
const MANIFEST: &str = "manifest.json";
const EVENTS: &str = "events.jsonl";
const GIT: &str = "git/run.bundle";
/// What the names of entries begin with that are files of the run's folder.
const OF_FOLDER: [&str; 2] = [ARTIFACTS, "logs/"];
const ARTIFACTS: &str = "artifacts/";
/// Patches of tasks, for readers.
const DIFFS: &str = "diffs/";

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub schema_version: u32,
    pub run: RunId,
    pub goal: String,
    pub status: String,
    pub exported_at: Time,
    pub exported_by: String,
    /// The name of the repository's folder.
    pub repository: String,
    pub crew_version: String,
    /// What git holds; absent where the run has no branches, or they were left out.
    pub git: Option<Branches>,
    /// What is not in the file, or not without secrets, in sentences.
    pub notes: Vec<String>,
    pub entries: Vec<Entry>,
}

/// The run's branches and what is kept of its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branches {
    pub references: Vec<Reference>,
    /// Commits that a repository has to have before it can take these in.
    pub needs: Vec<String>,
}

/// One file in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub path: String,
    pub bytes: u64,
    /// In hex.
    pub sha256: String,
}

/// Why a file cannot be written or taken in.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    #[error("it is no bundle of a run: {0}")]
    NoBundle(String),
    #[error(
        "it was written by a newer crew (version {found} of the layout, this one knows {SCHEMA_VERSION})"
    )]
    Newer { found: u64 },
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it is not safe: {0}")]
    Unsafe(String),
    #[error("it is too large: {0}")]
    TooLarge(String),
    #[error("what looks like a secret is in the commits of {}", shown(.0))]
    Secrets(Vec<Committed>),
    #[error("event {line} of it is not valid: {why}")]
    Event { line: usize, why: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Change(#[from] TellError),
    #[error("its branches: {0}")]
    Pack(#[from] PackError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Where commits hold what looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Committed {
    /// The task on whose branch it is; absent where the run began from it.
    pub task: Option<String>,
    /// The path of a file; absent where it is in what was written about a commit.
    pub file: Option<String>,
}

/// The most places that are named.
const MAX_SHOWN: usize = 10;

/// Names where something was found, each task once: `a (.env, b.txt), b (.env)`.
fn shown(found: &[Committed]) -> String {
    let mut tasks: Vec<(&str, Vec<String>)> = Vec::new();
    for Committed { task, file } in found.iter().take(MAX_SHOWN) {
        let task = task.as_deref().unwrap_or("what the run began from");
        let file =
            file.as_ref().map_or_else(|| "what a commit says".to_owned(), |file| clean_line(file, 200));
        match tasks.last_mut() {
            Some((last, files)) if *last == task => files.push(file),
            _ => tasks.push((task, vec![file])),
        }
    }
    let named: Vec<String> =
        tasks.into_iter().map(|(task, files)| format!("{task} ({})", files.join(", "))).collect();
    match found.len().saturating_sub(MAX_SHOWN) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Writes until somebody wishes that it stops: from then on that fails.
struct Stopping<'a, T> {
    inner: T,
    stop: &'a AtomicBool,
}

impl<T: Write> Write for Stopping<'_, T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("it was to stop"));
        }
        self.inner.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Tells whether the name of an entry, or of a file of the run's folder, stays below the folder that it is put into.
fn is_safe_path(path: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.bytes().any(|byte| byte == b'\\' || byte < b' ')
    };
    path.len() <= 500 && path.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for path in ["a", "artifacts/results/a.1.json", "logs/..a", "ü"] {
            assert!(is_safe_path(path), "{path}");
        }
        for path in ["", "/etc/passwd", "a/../b", "..", "a//b", "a/", "./a", "a\\b", "a\nb", "a\0"] {
            assert!(!is_safe_path(path), "{path:?}");
        }
    }
}
