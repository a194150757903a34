//! What an agent hands in, and when that is valid.

use super::finding::{Finding, MAX_BODY, MAX_TITLE};
use super::words::{clean_line, clean_text};
use serde::{Deserialize, Serialize};

/// What a verifier concludes from the commands it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    /// Nothing could be run, so nothing is known.
    Inconclusive,
}

impl Verdict {
    /// Returns the word used in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

/// One command that was run as a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub command: String,
    /// Exit code; absent where the command could not be started, was ended by a signal or ran out of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Wall time in milliseconds.
    #[serde(default)]
    pub millis: u64,
    /// What was seen, as one line: "212 passed", "not run: cargo is not on PATH".
    #[serde(default)]
    pub note: String,
}

/// A result: the statement that the task is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultBody {
    /// What was done, in a sentence or two; at most [`MAX_SUMMARY`] characters.
    pub summary: String,
    /// From 0 to 1: how sure the agent is.
    pub confidence: f64,
    /// Why it is as sure as that.
    pub rationale: String,
    /// The result at length, as Markdown: a map, a plan, a report. Passed on to the tasks that depend on this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// A verifier's conclusion; required from the role `verifier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// A reviewer's remarks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// The commands that were run, with what they said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
}

/// The most characters a summary may have.
pub const MAX_SUMMARY: usize = 4_000;
/// The most bytes that `details` may have; far above what is passed on to the next task.
pub const MAX_DETAILS: usize = 4 * 1024 * 1024;

/// Why a result is refused, with the field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub field: &'static str,
    pub message: String,
}

fn refuse(field: &'static str, message: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { field, message: message.into() })
}

impl ResultBody {
    /// Takes out of every text what a terminal would obey or would not show.
    pub fn cleaned(self) -> ResultBody {
        let lines = |text: String| clean_text(&text, usize::MAX);
        let line = |text: String| clean_line(&text, usize::MAX);
        let finding = |finding: Finding| Finding {
            category: line(finding.category),
            file: line(finding.file),
            title: line(finding.title),
            body: lines(finding.body),
            suggestion: finding.suggestion.map(lines),
            fingerprint: line(finding.fingerprint),
            ..finding
        };
        let check = |check: Check| Check { command: lines(check.command), note: line(check.note), ..check };
        ResultBody {
            summary: lines(self.summary),
            rationale: lines(self.rationale),
            details: self.details.map(lines),
            findings: self.findings.into_iter().map(finding).collect(),
            checks: self.checks.into_iter().map(check).collect(),
            ..self
        }
    }

    /// Checks a result against what its role has to hand in.
    pub fn check(&self, role: &str) -> Result<(), Refusal> {
        if self.summary.trim().is_empty() {
            return refuse("summary", "summary is empty");
        }
        if self.summary.chars().count() > MAX_SUMMARY {
            return refuse(
                "summary",
                format!("summary is longer than {MAX_SUMMARY} characters; use details"),
            );
        }
        if !(0.0..=1.0).contains(&self.confidence) {
            return refuse("confidence", format!("confidence {} is not between 0 and 1", self.confidence));
        }
        if self.rationale.trim().is_empty() {
            return refuse("rationale", "rationale is empty");
        }
        if self.details.as_ref().is_some_and(|details| details.len() > MAX_DETAILS) {
            return refuse("details", format!("details is longer than {MAX_DETAILS} bytes"));
        }
        if role == "verifier" && self.verdict.is_none() {
            return refuse("verdict", "verdict is missing; a verifier says pass, fail or inconclusive");
        }
        for (at, finding) in self.findings.iter().enumerate() {
            let title = finding.title.chars().count();
            if title == 0 || title > MAX_TITLE {
                return refuse(
                    "findings",
                    format!("findings[{at}].title has {title} characters; 1 to {MAX_TITLE} are allowed"),
                );
            }
            if finding.body.chars().count() > MAX_BODY {
                return refuse(
                    "findings",
                    format!("findings[{at}].body is longer than {MAX_BODY} characters"),
                );
            }
            if !(0.0..=1.0).contains(&finding.confidence) {
                return refuse("findings", format!("findings[{at}].confidence is not between 0 and 1"));
            }
            if finding.end_line < finding.start_line {
                return refuse("findings", format!("findings[{at}] ends before it starts"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> ResultBody {
        serde_json::from_str(r#"{"summary":"done","confidence":0.9,"rationale":"tests pass"}"#).unwrap()
    }

    #[test]
    fn a_plain_result_is_valid() {
        assert_eq!(result().check("executor"), Ok(()));
    }

    #[test]
    fn each_wrong_field_is_named() {
        let wrong = [
            (ResultBody { summary: " ".into(), ..result() }, "executor", "summary"),
            (ResultBody { confidence: 1.2, ..result() }, "executor", "confidence"),
            (ResultBody { confidence: f64::NAN, ..result() }, "executor", "confidence"),
            (ResultBody { rationale: String::new(), ..result() }, "executor", "rationale"),
            (result(), "verifier", "verdict"),
        ];
        for (body, role, field) in wrong {
            assert_eq!(body.check(role).unwrap_err().field, field);
        }
    }

    #[test]
    fn words_are_cleaned_and_stay_lines() {
        let said =
            r#"{"summary":"a\u001b[31mb\u202e","confidence":1,"rationale":"r","details":"x\ny\u0007"}"#;
        let cleaned = serde_json::from_str::<ResultBody>(said).unwrap().cleaned();
        assert_eq!((cleaned.summary.as_str(), cleaned.details.as_deref()), ("ab", Some("x\ny")));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let unknown = r#"{"summary":"s","confidence":1,"rationale":"r","sumary":"x"}"#;
        assert!(serde_json::from_str::<ResultBody>(unknown).unwrap_err().to_string().contains("sumary"));
    }
}
