//! A result: the statement that the task is done.

use super::checks::{
    check_confidence, check_findings, check_texts, check_words, cleaned_finding, cleaned_texts, refuse,
};
use super::{MAX_DETAILS, MAX_TEXTS, Refusal, Terms, fields};
use crate::domain::finding::Finding;
use crate::domain::result_files::{self, ResultFile};
use crate::domain::words::{clean_line, clean_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a verifier concludes from the commands it ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ResultBody {
    /// What was done, in a sentence or two; at most 4,000 characters.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub summary: String,
    /// From 0 to 1: how sure the agent is.
    #[schemars(range(min = 0, max = 1))]
    pub confidence: f64,
    /// Why it is as sure as that.
    #[schemars(length(min = 1))]
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
    /// The tests that were written or changed, one a line: what each of them shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TEXTS), inner(length(min = 1, max = super::MAX_SUMMARY)))]
    pub tests: Vec<String>,
    /// What could go wrong, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TEXTS), inner(length(min = 1, max = super::MAX_SUMMARY)))]
    pub risks: Vec<String>,
    /// What is left to do by somebody, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TEXTS), inner(length(min = 1, max = super::MAX_SUMMARY)))]
    pub follow_ups: Vec<String>,
    /// Files for crew to write, change or delete, and paths that have to be there.
    #[serde(default, deserialize_with = "result_files::read", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<result_files::Entry>", length(max = result_files::MAX_FILES))]
    pub files: Vec<ResultFile>,
    /// Why no file was changed, from a role that may change some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub no_change_reason: Option<String>,
    /// What the step asks for beside all that, by the names that it gives; at the top level in JSON.
    #[serde(flatten)]
    #[schemars(skip)]
    pub fields: BTreeMap<String, Value>,
}

/// Fields that only some roles hand in: each with what holds it and those that do. A role that crew does not know may
/// hand in any of them.
const OWNED: [(&str, &str, &[&str]); 3] = [
    ("verdict", "a verdict comes from a verifier", &["verifier"]),
    ("findings", "findings come from a reviewer", &["reviewer", "security-reviewer", "critic"]),
    ("tests", "tests come from a role that writes them", &["executor", "test-engineer"]),
];

/// The roles that crew knows, with what it expects of each.
pub const ROLES: [&str; 10] = [
    "explorer",
    "analyst",
    "planner",
    "critic",
    "executor",
    "reviewer",
    "security-reviewer",
    "verifier",
    "test-engineer",
    "writer",
];

/// Returns why a role may not hand in a field of a result; `None` where it may.
pub fn not_from(role: &str, field: &str) -> Option<&'static str> {
    let (_, why, roles) = OWNED.iter().find(|(name, ..)| *name == field)?;
    (!roles.contains(&role) && ROLES.contains(&role)).then_some(*why)
}

/// Tells whether a role has to hand in a field of a result that others may leave out.
pub fn requires_field(role: &str, field: &str) -> bool {
    role == "verifier" && field == "verdict"
}

impl ResultBody {
    /// Takes out of every text what a terminal would obey or would not show.
    pub(super) fn cleaned(self) -> ResultBody {
        let lines = |text: String| clean_text(&text, usize::MAX);
        let line = |text: String| clean_line(&text, usize::MAX);
        let check = |check: Check| Check { command: lines(check.command), note: line(check.note), ..check };
        ResultBody {
            summary: lines(self.summary),
            rationale: lines(self.rationale),
            details: self.details.map(lines),
            no_change_reason: self.no_change_reason.map(lines),
            findings: self.findings.into_iter().map(cleaned_finding).collect(),
            checks: self.checks.into_iter().map(check).collect(),
            tests: cleaned_texts(self.tests),
            risks: cleaned_texts(self.risks),
            follow_ups: cleaned_texts(self.follow_ups),
            fields: fields::cleaned(self.fields),
            ..self
        }
    }

    /// Returns as Markdown what there is beside summary, findings and details; empty where there is nothing.
    pub fn more_to_markdown(&self) -> String {
        let lists = [("Tests", &self.tests), ("Risks", &self.risks), ("Follow-ups", &self.follow_ups)];
        let mut text = String::new();
        for (title, texts) in lists.into_iter().filter(|(_, texts)| !texts.is_empty()) {
            text.push_str(&format!("\n## {title}\n\n"));
            texts.iter().for_each(|line| text.push_str(&format!("- {}\n", line.trim())));
        }
        for (name, value) in &self.fields {
            let words = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!("\n## {name}\n\n{words}\n"));
        }
        text
    }

    /// Checks a result against what its task asks for.
    pub fn check(&self, terms: &Terms) -> Result<(), Refusal> {
        let role = terms.role.as_str();
        check_words("summary", &self.summary)?;
        check_confidence(self.confidence)?;
        if self.rationale.trim().is_empty() {
            return refuse("rationale", "rationale is empty");
        }
        if self.details.as_ref().is_some_and(|details| details.len() > MAX_DETAILS) {
            return refuse("details", format!("details is longer than {MAX_DETAILS} bytes"));
        }
        if self.verdict.is_none() && requires_field(role, "verdict") {
            return refuse("verdict", "verdict is missing; a verifier says pass, fail or inconclusive");
        }
        if let Some(reason) = &self.no_change_reason {
            check_words("no_change_reason", reason)?;
        }
        check_texts("tests", &self.tests)?;
        check_texts("risks", &self.risks)?;
        check_texts("follow_ups", &self.follow_ups)?;
        check_findings(&self.findings)?;
        result_files::check(&self.files)?;
        fields::check(&self.fields, terms)
    }
}
