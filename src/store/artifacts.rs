//! Files that a run keeps for people and for later tasks.

use super::StoreError;
use super::atomic_file;
use super::layout::RunPaths;
use crate::domain::event::{ArtifactKind, Event};
use crate::domain::id::TaskId;
use sha2::{Digest, Sha256};

/// Keeps a file below the run's `artifacts` and returns the event that says so.
pub fn keep(
    paths: &RunPaths,
    (kind, path): (ArtifactKind, String),
    producer: Option<(&TaskId, u32)>,
    content: &[u8],
) -> Result<Event, StoreError> {
    let place = paths.artifacts().join(&path);
    match kind {
        // The record says that it is there, so it has to outlive a power failure like the record.
        ArtifactKind::Result => atomic_file::write_synced(&place, content)?,
        _ => atomic_file::write(&place, content)?,
    }
    Ok(Event::ArtifactKept {
        task: producer.map(|(task, _)| task.clone()),
        attempt: producer.map(|(_, attempt)| attempt),
        artifact: kind,
        path,
        bytes: content.len() as u64,
        sha256: sha256(content),
    })
}

/// Returns the SHA-256 in hex.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns where the prompt of an attempt is kept.
pub fn prompt_of(task: &TaskId, attempt: u32) -> String {
    format!("prompts/{task}.{attempt}.md")
}

/// Returns where the reminder is kept that an attempt was sent.
pub fn reminder_of(task: &TaskId, attempt: u32) -> String {
    format!("prompts/{task}.{attempt}.reminder.md")
}

/// Returns where the result that an attempt handed in is kept, as JSON.
pub fn result_of(task: &TaskId, attempt: u32) -> String {
    format!("results/{task}.{attempt}.json")
}

/// Returns where the text of an attempt's result is kept, for readers.
pub fn result_text_of(task: &TaskId, attempt: u32) -> String {
    format!("results/{task}.{attempt}.md")
}

/// Returns where it is kept what an attempt changed that it may not.
pub fn diff_of(task: &TaskId, attempt: u32) -> String {
    format!("diffs/{task}.{attempt}.patch")
}

/// Returns where a result is kept under the name that other steps read it by.
pub fn shared(name: &str) -> String {
    format!("shared/{name}")
}
