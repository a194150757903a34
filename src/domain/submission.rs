//! What an agent hands in, and when that is valid.

use super::finding::{Finding, MAX_BODY, MAX_TITLE};
use super::words::{clean_line, clean_text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of statement a submission is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The task is done.
    Result,
    /// A reviewer's verdict with its findings.
    Review,
    /// There is nothing to do, and why.
    Noop,
    /// It cannot be done, and why.
    Blocked,
}

impl Kind {
    /// Returns the word used on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Result => "result",
            Kind::Review => "review",
            Kind::Noop => "noop",
            Kind::Blocked => "blocked",
        }
    }
}

/// What an attempt has handed in, checked. One attempt hands in one thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandedIn {
    Result(ResultBody),
    Review(ReviewBody),
    Noop(Reason),
    Blocked(Reason),
}

impl HandedIn {
    /// Reads and checks what a role hands in; the texts are cleaned.
    pub fn read(kind: Kind, body: &Value, role: &str) -> Result<HandedIn, Refusal> {
        let handed_in = match kind {
            Kind::Result => HandedIn::Result(read::<ResultBody>(body)?.cleaned()),
            Kind::Review => HandedIn::Review(read::<ReviewBody>(body)?.cleaned()),
            Kind::Noop => HandedIn::Noop(read::<Reason>(body)?.cleaned()),
            Kind::Blocked => HandedIn::Blocked(read::<Reason>(body)?.cleaned()),
        };
        match &handed_in {
            HandedIn::Result(result) => result.check(role)?,
            HandedIn::Review(review) => review.check(role)?,
            HandedIn::Noop(_) if role == "verifier" => {
                refuse("kind", "a verifier hands in a result with pass, fail or inconclusive")?;
            }
            HandedIn::Noop(reason) | HandedIn::Blocked(reason) => reason.check()?,
        }
        Ok(handed_in)
    }

    /// Returns what kind of statement it is.
    pub fn kind(&self) -> Kind {
        match self {
            HandedIn::Result(_) => Kind::Result,
            HandedIn::Review(_) => Kind::Review,
            HandedIn::Noop(_) => Kind::Noop,
            HandedIn::Blocked(_) => Kind::Blocked,
        }
    }

    /// Returns how sure the agent says it is, where it has to say so.
    pub fn confidence(&self) -> Option<f64> {
        match self {
            HandedIn::Result(result) => Some(result.confidence),
            HandedIn::Review(_) | HandedIn::Noop(_) | HandedIn::Blocked(_) => None,
        }
    }

    /// Returns what it comes to, in a sentence or two.
    pub fn summary(&self) -> String {
        match self {
            HandedIn::Result(result) => result.summary.clone(),
            HandedIn::Review(review) => review.summary(),
            HandedIn::Noop(Reason { reason }) => format!("nothing to do: {reason}"),
            HandedIn::Blocked(Reason { reason }) => format!("blocked: {reason}"),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| {
        let text = error.to_string();
        let message = match text.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
            Some((field, _)) => format!("{field} is missing"),
            // It quotes what the agent wrote.
            None => clean_line(&text, 300),
        };
        Refusal { field: "json", message }
    })
}

/// Why there is nothing to do, or why it cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// At most [`MAX_SUMMARY`] characters.
    pub reason: String,
}

impl Reason {
    fn cleaned(self) -> Reason {
        Reason { reason: clean_text(&self.reason, usize::MAX) }
    }

    fn check(&self) -> Result<(), Refusal> {
        check_words("reason", &self.reason)
    }
}

/// What a reviewer concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewVerdict {
    Approved,
    ChangesRequested,
}

/// The roles that review.
pub const REVIEWERS: [&str; 2] = ["reviewer", "security-reviewer"];

/// A review: a verdict with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewBody {
    pub verdict: ReviewVerdict,
    /// The review in words, as Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl ReviewBody {
    fn cleaned(self) -> ReviewBody {
        ReviewBody {
            body: clean_text(&self.body, usize::MAX),
            findings: self.findings.into_iter().map(cleaned_finding).collect(),
            ..self
        }
    }

    fn check(&self, role: &str) -> Result<(), Refusal> {
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

    fn summary(&self) -> String {
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

fn check_words(field: &'static str, words: &str) -> Result<(), Refusal> {
    if words.trim().is_empty() {
        return refuse(field, format!("{field} is empty"));
    }
    if words.chars().count() > MAX_SUMMARY {
        return refuse(field, format!("{field} is longer than {MAX_SUMMARY} characters"));
    }
    Ok(())
}

fn check_findings(findings: &[Finding]) -> Result<(), Refusal> {
    for (at, finding) in findings.iter().enumerate() {
        let title = finding.title.chars().count();
        if title == 0 || title > MAX_TITLE {
            return refuse(
                "findings",
                format!("findings[{at}].title has {title} characters; 1 to {MAX_TITLE} are allowed"),
            );
        }
        if finding.body.chars().count() > MAX_BODY {
            return refuse("findings", format!("findings[{at}].body is longer than {MAX_BODY} characters"));
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

fn cleaned_finding(finding: Finding) -> Finding {
    let lines = |text: String| clean_text(&text, usize::MAX);
    let line = |text: String| clean_line(&text, usize::MAX);
    Finding {
        category: line(finding.category),
        file: line(finding.file),
        title: line(finding.title),
        body: lines(finding.body),
        suggestion: finding.suggestion.map(lines),
        fingerprint: line(finding.fingerprint),
        ..finding
    }
}

impl ResultBody {
    /// Takes out of every text what a terminal would obey or would not show.
    pub fn cleaned(self) -> ResultBody {
        let lines = |text: String| clean_text(&text, usize::MAX);
        let line = |text: String| clean_line(&text, usize::MAX);
        let check = |check: Check| Check { command: lines(check.command), note: line(check.note), ..check };
        ResultBody {
            summary: lines(self.summary),
            rationale: lines(self.rationale),
            details: self.details.map(lines),
            findings: self.findings.into_iter().map(cleaned_finding).collect(),
            checks: self.checks.into_iter().map(check).collect(),
            ..self
        }
    }

    /// Checks a result against what its role has to hand in.
    pub fn check(&self, role: &str) -> Result<(), Refusal> {
        check_words("summary", &self.summary)?;
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
        check_findings(&self.findings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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

    #[test]
    fn each_kind_says_what_it_comes_to_or_why_it_is_refused() {
        let review = json!({"verdict": "changes_requested", "body": "\nNo tests.\nMore"});
        let rows = [
            (Kind::Noop, json!({"reason": "it is there"}), "executor", "nothing to do: it is there"),
            (
                Kind::Noop,
                json!({"reason": "x"}),
                "verifier",
                "a verifier hands in a result with pass, fail or inconclusive",
            ),
            (Kind::Blocked, json!({"reason": " "}), "executor", "reason is empty"),
            (Kind::Blocked, json!({}), "executor", "reason is missing"),
            (Kind::Blocked, json!({"reason": "no key"}), "verifier", "blocked: no key"),
            (Kind::Review, json!({"verdict": "approved"}), "reviewer", "approved"),
            (Kind::Review, review.clone(), "security-reviewer", "changes requested: No tests."),
            (
                Kind::Review,
                review,
                "executor",
                "a review comes from a reviewer, not from the role executor; hand in a result",
            ),
            (
                Kind::Review,
                json!({"verdict": "changes_requested"}),
                "reviewer",
                "changes_requested needs a reason: a body or a finding",
            ),
        ];
        for (kind, body, role, expected) in rows {
            let said = HandedIn::read(kind, &body, role);
            let said = said.map_or_else(|refusal| refusal.message, |handed_in| handed_in.summary());
            assert_eq!(said, expected, "{kind:?} {body}");
        }
    }

    #[test]
    fn what_was_handed_in_reads_back_as_it_was_recorded() {
        let body = json!({"summary": "s", "confidence": 0.5, "rationale": "r"});
        let result = HandedIn::read(Kind::Result, &body, "executor").unwrap();
        assert_eq!(serde_json::to_value(&result).unwrap(), json!({"result": body}));
        let noop = HandedIn::Noop(Reason { reason: "r".into() });
        assert_eq!(serde_json::to_value(&noop).unwrap(), json!({"noop": {"reason": "r"}}));
    }
}
