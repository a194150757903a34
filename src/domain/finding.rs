//! One remark of a review, and how the same remark is known again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// How much a finding matters, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Warning,
    Error,
    Blocker,
}

impl Severity {
    /// Every severity, least first.
    pub const ALL: [Severity; 4] = [Severity::Info, Severity::Warning, Severity::Error, Severity::Blocker];

    /// Returns the word used in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Blocker => "blocker",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where a finding stands with regard to what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// On lines that the change added or changed.
    InDiff,
    /// On lines that stood there before.
    OutsideDiff,
    /// About a file as a whole, or the whole change.
    Whole,
}

/// One remark of a review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    pub severity: Severity,
    /// What kind of remark it is, in kebab-case: `secret`, `conflict-marker` ...
    pub category: String,
    /// Path relative to the repository, with `/`; `.` where the remark is about the change as a whole.
    pub file: String,
    /// First line, from 1; 0 where the remark is about the whole file.
    #[serde(default)]
    pub start_line: u32,
    /// Last line, included.
    #[serde(default)]
    pub end_line: u32,
    /// Text of these lines, word for word. Where it is said, it decides which lines are meant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub quote: String,
    /// One line of at most 160 characters.
    #[schemars(length(min = 1, max = MAX_TITLE))]
    pub title: String,
    /// At most 12,000 characters; may be empty.
    #[serde(default)]
    #[schemars(length(max = MAX_BODY))]
    pub body: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// From 0 to 1.
    #[serde(default = "certain")]
    #[schemars(range(min = 0, max = 1))]
    pub confidence: f64,
    /// Stays the same while the remark is about the same text; see [`fingerprint`].
    #[serde(default)]
    #[schemars(description = "Stays the same while the remark is about the same text; may be left out.")]
    pub fingerprint: String,
    /// Where it stands; crew says so, and nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub standing: Option<Standing>,
}

fn certain() -> f64 {
    1.0
}

/// The most characters a finding's title may have.
pub const MAX_TITLE: usize = 160;
/// The most characters a finding's body may have.
pub const MAX_BODY: usize = 12_000;

/// The most findings that are handed in at once.
pub const MAX_FINDINGS: usize = 5_000;

/// Returns the name under which a finding is known again after unrelated edits.
///
/// It is made of the category, the path, the text of the anchored lines with white space folded, and an ordinal that
/// tells equal places in one file apart. Neither the message nor the line number counts.
pub fn fingerprint(category: &str, file: &str, anchored: &str, ordinal: usize) -> String {
    let mut hash = Sha256::new();
    hash.update(category);
    hash.update([0]);
    hash.update(file);
    hash.update([0]);
    for word in anchored.split_whitespace() {
        hash.update(word);
        hash.update(b" ");
    }
    hash.update([0]);
    hash.update((ordinal as u64).to_le_bytes());
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_survives_indentation_but_not_another_path() {
        let before = fingerprint("todo", "a.rs", "  // TODO: later", 0);
        assert_eq!(before, fingerprint("todo", "a.rs", "\t//  TODO:  later", 0));
        assert_ne!(before, fingerprint("todo", "b.rs", "  // TODO: later", 0));
        assert_ne!(before, fingerprint("todo", "a.rs", "  // TODO: later", 1));
        assert_eq!(before.len(), 16);
    }

    #[test]
    fn severities_are_ordered() {
        assert!(Severity::Blocker > Severity::Error && Severity::Warning > Severity::Info);
    }
}
