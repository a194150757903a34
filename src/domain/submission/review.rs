//! A reviewer's verdict with what it rests on.

use super::checks::{check_findings, check_words, cleaned_finding, refuse, refuse_with};
use super::{MAX_DETAILS, Refusal, Terms};
use crate::domain::finding::Finding;
use crate::domain::words::{clean_line, clean_text};
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
    /// Of the findings because of which the work was sent back, those that are resolved now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<Resolved>,
}

/// A finding of the review before that is resolved now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    pub fingerprint: String,
    /// What shows it.
    pub evidence: String,
}

impl ReviewBody {
    /// Cleans and checks it, whoever hands it in.
    pub fn checked(self) -> Result<ReviewBody, Refusal> {
        let cleaned = self.cleaned();
        cleaned.check(&Terms { role: REVIEWERS[0].to_owned(), ..Terms::default() })?;
        Ok(cleaned)
    }

    pub(super) fn cleaned(self) -> ReviewBody {
        ReviewBody {
            body: clean_text(&self.body, usize::MAX),
            findings: self.findings.into_iter().map(cleaned_finding).collect(),
            resolved: self.resolved.into_iter().map(Resolved::cleaned).collect(),
            ..self
        }
    }

    pub(super) fn check(&self, terms: &Terms) -> Result<(), Refusal> {
        let role = terms.role.as_str();
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
        self.check_resolved(terms)?;
        check_findings(&self.findings)
    }

    /// Refuses what is called resolved and was not open.
    fn check_resolved(&self, terms: &Terms) -> Result<(), Refusal> {
        for (at, Resolved { fingerprint, evidence }) in self.resolved.iter().enumerate() {
            check_words(&format!("resolved[{at}].evidence"), evidence)?;
            if !terms.open.contains(fingerprint) {
                let message = format!(
                    "resolved[{at}]: no finding that was open has the fingerprint `{}`",
                    clean_line(fingerprint, 64)
                );
                let hint = match terms.open.is_empty() {
                    true => "nothing was open before this review: leave `resolved` out".to_owned(),
                    false => format!("open are {}", clean_line(&terms.open.join(", "), 1_000)),
                };
                return refuse_with("resolved", message, hint);
            }
        }
        Ok(())
    }

    /// Returns what it calls resolved and has not found again.
    pub fn closes(&self) -> impl Iterator<Item = &Resolved> {
        let again = |print: &str| self.findings.iter().any(|finding| finding.fingerprint == print);
        self.resolved.iter().filter(move |resolved| !again(&resolved.fingerprint))
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
        let resolved = match self.closes().count() {
            0 => String::new(),
            count => format!(", {count} resolved"),
        };
        let colon = if first.is_empty() { "" } else { ": " };
        format!("{verdict}{findings}{resolved}{colon}{}", first.trim())
    }
}

impl Resolved {
    fn cleaned(self) -> Resolved {
        let Resolved { fingerprint, evidence } = self;
        Resolved {
            fingerprint: clean_line(&fingerprint, usize::MAX),
            evidence: clean_text(&evidence, usize::MAX),
        }
    }
}
