//! What a review comes to: whether it is clean.

use super::report::Report;
use crate::domain::finding::Severity;

/// What a review comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    Clean,
    /// Something is as grave as asked for.
    Findings,
    /// Somebody came to no verdict, so that nothing is known for certain; whatever else was found.
    Incomplete,
}

/// Judges a report whose hidden findings are out already. Without `fail_on` only an incomplete review is none.
pub fn judge(report: &Report, fail_on: Option<Severity>) -> Judged {
    if report.reviewers.is_empty() || report.incomplete().next().is_some() {
        return Judged::Incomplete;
    }
    let is_grave = |limit| report.findings.iter().any(|agreed| agreed.finding.severity >= limit);
    match fail_on {
        Some(limit) if is_grave(limit) => Judged::Findings,
        _ => Judged::Clean,
    }
}
