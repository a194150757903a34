//! The ends of logs, as people may see them.

use crate::domain::redact::{self, Redactor};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Returns the end of a log, at most about `most` bytes of it, harmless and without secrets.
pub fn safe_tail(log: &Path, words: &Redactor, most: u64) -> Option<String> {
    // What lies across the beginning is only known for a secret with what stands before it.
    let tail = tail(log, most + redact::LONGEST as u64)?;
    let cut = tail.len() as u64 > most;
    let safe = words.lines(&tail, usize::MAX);
    let from = if cut { safe.ceil_char_boundary(safe.len().saturating_sub(most as usize)) } else { 0 };
    Some(safe[from..].to_owned())
}

/// Returns the end of a log, at most `most` bytes of it; `None` where it cannot be read.
fn tail(log: &Path, most: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most))).ok()?;
    let mut tail = Vec::new();
    file.take(most).read_to_end(&mut tail).ok()?;
    Some(String::from_utf8_lossy(&tail).into_owned())
}
