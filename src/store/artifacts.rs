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
    atomic_file::write(&paths.artifacts().join(&path), content)?;
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

/// Returns where the result of a task is kept, as JSON.
pub fn result_of(task: &TaskId) -> String {
    format!("results/{task}.json")
}

/// Returns where the text of a task's result is kept, for readers.
pub fn result_text_of(task: &TaskId) -> String {
    format!("results/{task}.md")
}

/// Returns where a result is kept under the name that other steps read it by.
pub fn shared(name: &str) -> String {
    format!("shared/{name}")
}
