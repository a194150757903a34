//! What a review comes to: which findings count, and whether it is clean.

use super::report::{Agreed, Report};
use crate::domain::finding::Severity;
use serde::{Deserialize, Serialize};

/// What a review is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// A finding as grave as this, or graver, makes a review not clean; without, no finding does.
    pub fail_on: Option<Severity>,
    /// Findings that are less sure, from 0 to 1, are not listed.
    #[serde(default)]
    pub min_confidence: f64,
    /// Findings of fewer reviewers are not listed.
    #[serde(default = "one")]
    pub agree: u32,
}

fn one() -> u32 {
    1
}

impl Default for Bar {
    fn default() -> Bar {
        Bar { fail_on: Some(Severity::Error), min_confidence: 0.0, agree: 1 }
    }
}

impl Bar {
    /// Tells whether a finding is sure enough to be listed.
    pub fn admits(&self, agreed: &Agreed) -> bool {
        agreed.finding.confidence >= self.min_confidence && agreed.voices() >= self.agree as usize
    }
}

/// What a review comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// The change changes nothing, so nobody has looked at it.
    NothingToReview,
    Clean,
    /// Something is as grave as asked for.
    Findings,
    /// Somebody came to no verdict, so that nothing is known for certain; whatever else was found.
    Incomplete,
}

/// Judges a report whose hidden findings are out already.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Finding;
    use crate::domain::review::report::{Hidden, Pass, Reviewed, Reviewer};

    fn report(passes: &[Pass], severities: &[Severity]) -> Report {
        let finding = |severity: &Severity| Finding {
            severity: *severity,
            category: "c".into(),
            file: "f".into(),
            start_line: 1,
            end_line: 1,
            quote: String::new(),
            title: "t".into(),
            body: String::new(),
            suggestion: None,
            confidence: 0.5,
            fingerprint: "p".into(),
            standing: None,
        };
        let agreed = |severity| Agreed::alone(finding(severity), "a".into());
        Report {
            review: "r".into(),
            reviewed: Reviewed {
                words: String::new(),
                base: String::new(),
                head: String::new(),
                files: 1,
                added: 1,
                removed: 0,
                put_right: None,
            },
            reviewers: passes.iter().map(|pass| Reviewer { name: "a".into(), pass: pass.clone() }).collect(),
            findings: severities.iter().map(agreed).collect(),
            hidden: Hidden::default(),
            moved: vec![],
            skipped: vec![],
            millis: 0,
        }
    }

    #[test]
    fn a_review_is_clean_where_all_came_to_a_verdict_and_nothing_is_too_grave() {
        use Severity::{Blocker, Error, Info, Warning};
        let incomplete = Pass::Incomplete { why: "it hung".into() };
        type Case<'a> = (&'a [Pass], &'a [Severity], Option<Severity>, Judged);
        let cases: [Case<'_>; 8] = [
            (&[Pass::Approved], &[], Some(Error), Judged::Clean),
            (&[Pass::Approved], &[Warning, Info], Some(Error), Judged::Clean),
            (&[Pass::Approved], &[Error], Some(Error), Judged::Findings),
            (&[Pass::ChangesRequested], &[Warning], Some(Info), Judged::Findings),
            (&[Pass::ChangesRequested], &[Blocker], None, Judged::Clean),
            (&[Pass::Approved, incomplete.clone()], &[], None, Judged::Incomplete),
            (&[Pass::Approved, incomplete], &[Blocker], Some(Error), Judged::Incomplete),
            (&[], &[], Some(Error), Judged::Incomplete),
        ];
        for (passes, severities, fail_on, expected) in cases {
            assert_eq!(judge(&report(passes, severities), fail_on), expected, "{passes:?} {severities:?}");
        }
    }

    #[test]
    fn what_too_few_say_or_nobody_is_sure_of_is_not_listed() {
        let report = report(&[Pass::Approved], &[Severity::Error]);
        let admits = |min_confidence, agree| {
            Bar { min_confidence, agree, ..Bar::default() }.admits(&report.findings[0])
        };
        assert_eq!(
            [admits(0.0, 1), admits(0.5, 1), admits(0.51, 1), admits(0.0, 2)],
            [true, true, false, false]
        );
    }
}
