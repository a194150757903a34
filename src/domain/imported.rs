//! Where a run came from that was taken in from a file.

use super::id::RunId;
use super::time::Time;
use serde::{Deserialize, Serialize};

/// Why a merge is given up that had been begun where the run came from: whether it came about there is not known here.
pub const ELSEWHERE: &str = "the run was taken to another repository";

/// What is known of how a run came here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// The name of the file.
    pub file: String,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Who took it in.
    pub by: String,
    /// Who wrote the file, as the file says, when, and in which repository.
    pub exported_by: String,
    pub exported_at: Time,
    pub repository: String,
    /// The id that it has there, where it has another one here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<RunId>,
}

impl Imported {
    /// Says where it came from, in one line.
    pub fn words(&self) -> String {
        let Imported { file, by, exported_by, exported_at, repository, was, .. } = self;
        let was = was.as_ref().map(|was| format!(", where it is {was}")).unwrap_or_default();
        format!("from {file} by {by}; written by {exported_by} in {repository} at {exported_at}{was}")
    }
}
