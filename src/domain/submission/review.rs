//! A reviewer's verdict with what it rests on.

use super::checks::{check_findings, cleaned_finding, refuse};
use super::{MAX_DETAILS, Refusal};
use crate::domain::finding::Finding;
use crate::domain::words::clean_text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a reviewer concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    Approved,
    ChangesRequested,
}

impl ReviewVerdict {
    /// Returns the word used on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            ReviewVerdict::Approved => "approved",
            ReviewVerdict::ChangesRequested => "changes_requested",
        }
    }
}

/// The roles that review.
pub const REVIEWERS: [&str; 2] = ["reviewer", "security-reviewer"];

/// A review: a verdict with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewBody {
    /// `changes_requested` needs a body or a finding.
    pub verdict: ReviewVerdict,
    /// The review in words, as Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// What is remarked, one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl ReviewBody {
    /// Cleans and checks it, whoever hands it in.
    pub fn checked(self) -> Result<ReviewBody, Refusal> {
        let cleaned = self.cleaned();
        cleaned.check(REVIEWERS[0])?;
        Ok(cleaned)
    }

    pub(super) fn cleaned(self) -> ReviewBody {
        ReviewBody {
            body: clean_text(&self.body, usize::MAX),
            findings: self.findings.into_iter().map(cleaned_finding).collect(),
            ..self
        }
    }

    pub(super) fn check(&self, role: &str) -> Result<(), Refusal> {
        if !REVIEWERS.contains(&role) {
            return refuse(
                "kind",
                format!("a review comes from a reviewer, not from the role {role}; hand in a result"),
            );
        }
        if self.body.len() > MAX_DETAILS {
            return refuse("body", format!("body is longer than {MAX_DETAILS} bytes"));
        }
        if self.verdict == ReviewVerdict::ChangesRequested
            && self.body.trim().is_empty()
            && self.findings.is_empty()
        {
            return refuse("body", "changes_requested needs a reason: a body or a finding");
        }
        check_findings(&self.findings)
    }

    /// Returns what it comes to, in a sentence.
    pub fn summary(&self) -> String {
        let verdict = match self.verdict {
            ReviewVerdict::Approved => "approved",
            ReviewVerdict::ChangesRequested => "changes requested",
        };
        let first = self.body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let findings = match self.findings.len() {
            0 => String::new(),
            1 => ", 1 finding".to_owned(),
            count => format!(", {count} findings"),
        };
        let colon = if first.is_empty() { "" } else { ": " };
        format!("{verdict}{findings}{colon}{}", first.trim())
    }
}
