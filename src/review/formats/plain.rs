//! What every form starts from: a report in which no word does anything, and none is missing.

use crate::domain::finding::{Finding, MAX_BODY, MAX_TITLE, fingerprint};
use crate::domain::review::report::{Agreed, Moved, Pass, Report, Reviewer};
use crate::domain::words::{clean_line, clean_text, revealed_line, visible_json};
use std::collections::HashSet;

/// The tool's name in every form.
pub const TOOL: &str = "crew";
/// The kind of finding that a reviewer without a verdict is, in forms that know findings only.
pub const INCOMPLETE: &str = "incomplete-review";
/// The most characters of a name.
const MAX_NAME: usize = 120;
/// The most characters of a sentence.
const MAX_SENTENCE: usize = 500;
/// The most bytes of a text; a character has up to four.
const MAX_TEXT: usize = 4 * MAX_BODY;

/// Returns a report with cleaned words, without empty ones where a form needs some, and with a fingerprint of its own for
/// every finding. Paths stay as they are: each form has its own way to write what hides in one.
pub fn plain(report: &Report) -> Report {
    let sentence = |text: &str| clean_line(text, MAX_SENTENCE);
    let mut report = report.clone();
    report.reviewed.words = sentence(&report.reviewed.words);
    report.skipped.iter_mut().for_each(|text| *text = sentence(text));
    for Reviewer { name, pass } in &mut report.reviewers {
        *name = clean_line(name, MAX_NAME);
        if let Pass::Incomplete { why } = pass {
            *why = sentence(why);
        }
    }
    for Moved { reviewers, moved, back } in &mut report.moved {
        reviewers.iter_mut().for_each(|name| *name = clean_line(name, MAX_NAME));
        // A command that is cut is another one.
        *back = revealed_line(back).into_owned();
        moved.reference = revealed_line(&moved.reference).into_owned();
    }
    let mut given = HashSet::new();
    report.findings.iter_mut().for_each(|agreed| clean(agreed, &mut given));
    report
}

fn clean(Agreed { finding, reviewers, also: _ }: &mut Agreed, given: &mut HashSet<String>) {
    finding.category = or(clean_line(&finding.category, MAX_NAME), "review");
    finding.title = or(clean_line(&finding.title, MAX_TITLE), &finding.category);
    finding.body = clean_text(finding.body.trim(), MAX_TEXT);
    let suggestion = finding.suggestion.as_deref().map(|text| clean_text(text.trim(), MAX_TEXT));
    finding.suggestion = suggestion.filter(|text| !text.is_empty());
    reviewers.iter_mut().for_each(|name| *name = clean_line(name, MAX_NAME));
    let made = fingerprint(&finding.category, &finding.file, &finding.title, 0);
    let print = or(clean_line(&finding.fingerprint, MAX_NAME), &made);
    // Two reviewers may have found the same text, each with something else to say. Readers drop the second of two equal
    // ones, or take it for the first.
    let numbered = (2..).map(|ordinal| format!("{print}-{ordinal}"));
    let free = std::iter::once(print.clone()).chain(numbered).find(|print| !given.contains(print));
    finding.fingerprint = free.unwrap_or(print);
    given.insert(finding.fingerprint.clone());
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text }
}

/// Returns the lines of a finding for forms that know no finding without one: the first for one about the whole file.
pub fn lines(finding: &Finding) -> (u32, u32) {
    let first = finding.start_line.max(1);
    (first, finding.end_line.max(first))
}

/// Returns what follows after the title: the body, and what is suggested.
pub fn body(finding: &Finding) -> String {
    match finding.suggestion.as_deref() {
        None => finding.body.clone(),
        Some(suggestion) if finding.body.is_empty() => format!("Suggestion: {suggestion}"),
        Some(suggestion) => format!("{}\n\nSuggestion: {suggestion}", finding.body),
    }
}

/// Returns title and body as one text.
pub fn message(finding: &Finding) -> String {
    let body = body(finding);
    if body.is_empty() { finding.title.clone() } else { format!("{}\n\n{body}", finding.title) }
}

/// Returns a sentence for each reviewer without a verdict, and for all that reviewers changed who may only look; forms that
/// know no such thing show them as findings.
pub fn incomplete(report: &Report) -> Vec<String> {
    let changed = report.moved.iter().map(|moved| format!("{}; back: {}", moved.words(), moved.back));
    without_verdict(report).chain(changed).collect()
}

/// Returns a sentence for each reviewer without a verdict.
pub fn without_verdict(report: &Report) -> impl Iterator<Item = String> {
    report.incomplete().map(|(name, why)| format!("the review of {name} is incomplete: {why}"))
}

/// Returns what is said of findings that a form has no room for.
pub fn more(report: &Report, left_out: usize) -> Option<String> {
    let all = format!("crew review show {}", report.review);
    match left_out {
        0 => None,
        1 => Some(format!("1 more finding is not shown here; {all}")),
        count => Some(format!("{count} more findings are not shown here; {all}")),
    }
}

/// Returns JSON that says the same, shows all of its characters, and in which no runner of a pipeline finds a command.
pub fn json_text(json: &serde_json::Value) -> String {
    visible_json(&format!("{json:#}\n")).into_owned()
}

/// Returns a text in which no runner of a pipeline finds a command, wherever in a line it stands.
pub fn inert(text: &str) -> String {
    let mut inert = text.to_owned();
    for opening in ["##[", "##vso[", "##teamcity["] {
        if inert.contains(opening) {
            inert = inert.replace(opening, &opening.replace("##", "# #"));
        }
    }
    inert
}

#[cfg(test)]
mod tests {
    use super::super::testing::{finding, report};
    use super::*;
    use crate::domain::finding::Severity;

    #[test]
    fn equal_fingerprints_are_told_apart_and_missing_words_are_filled_in() {
        let mut findings = vec![finding(Severity::Error, "race", "a.rs", (3, 3)); 3];
        findings[2].finding.fingerprint = String::new();
        findings[2].finding.category = "\u{1b}[31m".into();
        findings[2].finding.title = " \u{202e}".into();
        let plain = plain(&report(findings));
        let prints: HashSet<_> = plain.findings.iter().map(|agreed| &agreed.finding.fingerprint).collect();
        assert_eq!(prints.len(), 3);
        assert_eq!(
            *plain.findings[1].finding.fingerprint,
            format!("{}-2", plain.findings[0].finding.fingerprint)
        );
        let last = &plain.findings[2].finding;
        assert_eq!((last.category.as_str(), last.title.as_str()), ("review", "review"));
    }

    #[test]
    fn what_a_runner_would_take_for_a_command_is_broken_up() {
        let text = "a ##[error]b ##vso[task.setvariable]c ## heading ###[group]";
        assert_eq!(inert(text), "a # #[error]b # #vso[task.setvariable]c ## heading ## #[group]");
        let json = serde_json::json!({"###[x]": text});
        let written = json_text(&json);
        assert!(!written.contains("##"), "{written}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), json);
    }
}
