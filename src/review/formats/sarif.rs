//! SARIF 2.1.0, as GitHub code scanning takes it.
//!
//! The limits are GitHub's (docs.github.com, "SARIF support for code scanning"). Of a place crew knows the lines; without
//! columns the whole of them is meant (SARIF 2.1.0, 3.30.6 and 3.30.8).

use super::format::{Level, Options};
use super::plain::{TOOL, incomplete, json_text, lines, message, more};
use crate::domain::finding::{Finding, Severity};
use crate::domain::review::report::{Agreed, Report};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// As many results of a run are kept, though 25,000 are taken.
const MAX_RESULTS: usize = 5_000;
/// The most bytes of a file. 10 MB are taken after gzip; words that do not shrink at all stay below it.
const MAX_BYTES: usize = 9_900_000;
/// The most characters of a rule's descriptions.
const MAX_DESCRIPTION: usize = 1_024;
/// How long messages may be, in characters, tried in turn until the file is small enough.
const MESSAGES: [usize; 4] = [usize::MAX, 4_000, 1_500, 500];

/// Writes a report as SARIF, the worst results of it if not all fit.
pub fn sarif(report: &Report, options: &Options<'_>) -> String {
    within(report, options, MAX_BYTES)
}

fn within(report: &Report, options: &Options<'_>, max_bytes: usize) -> String {
    let mut most = report.findings.len().min(MAX_RESULTS);
    for longest in MESSAGES {
        let text = json_text(&log(report, options, most, longest));
        if text.len() <= max_bytes {
            return text;
        }
    }
    loop {
        most = most * 3 / 4;
        let text = json_text(&log(report, options, most, MESSAGES[MESSAGES.len() - 1]));
        if text.len() <= max_bytes || most == 0 {
            return text;
        }
    }
}

fn log(report: &Report, options: &Options<'_>, most: usize, longest: usize) -> Value {
    let kept = &report.findings[..most];
    let results: Vec<Value> = kept.iter().map(|agreed| result(agreed, options.max_level, longest)).collect();
    let incomplete = incomplete(report);
    let left_out = more(report, report.findings.len() - most);
    let errors = incomplete.iter().map(|why| ("error", why));
    let notes = errors.chain(left_out.iter().chain(&report.skipped).map(|words| ("note", words)));
    let notes: Vec<Value> =
        notes.map(|(level, words)| json!({"level": level, "message": {"text": words}})).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": TOOL, "semanticVersion": options.version, "rules": rules(kept, options.max_level),
            }},
            // Everything up to the last slash is the category; what follows names the run.
            "automationDetails": {"id": format!("crew/{}/{}", options.category, report.review)},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": incomplete.is_empty(), "toolExecutionNotifications": notes,
            }],
            "results": results,
        }],
    })
}

fn rules(kept: &[Agreed], cap: Level) -> Vec<Value> {
    let mut rules: BTreeMap<&str, (Severity, bool)> = BTreeMap::new();
    for agreed in kept {
        let finding = &agreed.finding;
        let (worst, is_security) = rules.entry(&finding.category).or_insert((finding.severity, false));
        *worst = (*worst).max(finding.severity);
        *is_security |= agreed.reviewers.iter().any(|name| name.ends_with(":security"));
    }
    rules.into_iter().map(|(id, (worst, is_security))| rule(id, worst, is_security, cap)).collect()
}

fn rule(id: &str, worst: Severity, is_security: bool, cap: Level) -> Value {
    let words = cut(&id.replace('-', " "), MAX_DESCRIPTION);
    let full = cut(&format!("What reviewers found of the kind {words}."), MAX_DESCRIPTION);
    let help = "`crew review show` tells all that was found. `crew review dismiss` silences a finding, `crew review baseline add` \
                for everybody, and a comment `crew:allow CATEGORY` on the line before silences the built-in reviewer.";
    let mut properties = json!({"problem.severity": problem(worst), "tags": ["review"]});
    if is_security {
        properties["tags"] = json!(["review", "security"]);
        properties["security-severity"] = json!(security(worst));
    }
    json!({
        "id": id,
        "name": id,
        "shortDescription": {"text": words},
        "fullDescription": {"text": full},
        "help": {"text": help},
        "defaultConfiguration": {"level": level(worst, cap)},
        "properties": properties,
    })
}

fn result(agreed: &Agreed, cap: Level, longest: usize) -> Value {
    let finding = &agreed.finding;
    let (first, last) = lines(finding);
    // `[words](target)` would be a link (SARIF 2.1.0, 3.11.6).
    let words = cut(&message(finding), longest).replace("](", "] (");
    json!({
        "ruleId": finding.category,
        "level": level(finding.severity, cap),
        "message": {"text": words},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.file), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": first, "endLine": last},
        }}],
        "partialFingerprints": fingerprints(agreed),
        "properties": properties(agreed),
    })
}

/// Returns the names by which a finding is known again. GitHub looks at the first alone.
fn fingerprints(agreed: &Agreed) -> Value {
    let mut prints = json!({"primaryLocationLineHash": agreed.finding.fingerprint});
    for (at, print) in agreed.also.iter().enumerate() {
        prints[format!("also/{at}")] = json!(print);
    }
    prints
}

fn properties(agreed: &Agreed) -> Value {
    let finding: &Finding = &agreed.finding;
    json!({
        "severity": finding.severity,
        "precision": precision(finding.confidence),
        "confidence": finding.confidence,
        "reviewers": agreed.reviewers,
        "standing": finding.standing,
    })
}

fn level(severity: Severity, cap: Level) -> &'static str {
    let level = match severity {
        Severity::Blocker | Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
        Severity::Info => Level::Note,
    };
    level.min(cap).name()
}

fn problem(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "recommendation",
    }
}

/// Returns a score that GitHub shows as critical, high, medium or low.
fn security(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker => "9.5",
        Severity::Error => "8.0",
        Severity::Warning => "5.0",
        Severity::Info => "2.0",
    }
}

/// Names how sure a finding is in GitHub's words.
fn precision(confidence: f64) -> &'static str {
    match confidence {
        sure if sure >= 0.95 => "very-high",
        sure if sure >= 0.8 => "high",
        sure if sure >= 0.5 => "medium",
        _ => "low",
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Returns a path as a relative reference (RFC 3986): all but unreserved characters and slashes as their bytes.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into())
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::plain::plain;
    use super::super::testing::{clean_hostile, finding, hostile, many, options, report};
    use super::super::{Format, Options, schema, write};
    use super::*;

    fn read(report: &Report, options: &Options<'_>) -> Value {
        let log = serde_json::from_str(&write(Format::Sarif, report, options).unwrap()).unwrap();
        schema::assert_valid("sarif-2.1.0.json", &log);
        log
    }

    #[test]
    fn what_github_requires_is_there_and_never_empty() {
        let log = read(&hostile(), &options());
        let run = &log["runs"][0];
        assert_eq!(run["automationDetails"]["id"], "crew/review/r1");
        for rule in run["tool"]["driver"]["rules"].as_array().unwrap() {
            for text in ["/shortDescription/text", "/fullDescription/text", "/help/text", "/id"] {
                let text = rule.pointer(text).unwrap().as_str().unwrap();
                assert!((1..=1_024).contains(&text.chars().count()), "{rule}");
            }
        }
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 4);
        for (result, agreed) in results.iter().zip(clean_hostile().findings) {
            let text = result.pointer("/message/text").unwrap().as_str().unwrap();
            assert!(text.contains("] (http") && !text.contains("]("), "{text}");
            assert_eq!(text.replace("] (", "]("), message(&agreed.finding));
            let region = result.pointer("/locations/0/physicalLocation/region/startLine");
            assert!(region.unwrap().as_u64() >= Some(1), "{result}");
            assert_eq!(
                result.pointer("/partialFingerprints/primaryLocationLineHash").unwrap(),
                &agreed.finding.fingerprint
            );
        }
        let uri = results[0].pointer("/locations/0/physicalLocation/artifactLocation/uri").unwrap();
        assert_eq!(uri, "src/a%20b%2Cc%3Ad.rs");
    }

    #[test]
    fn an_incomplete_review_is_no_success() {
        let run = &read(&hostile(), &options())["runs"][0]["invocations"][0];
        assert_eq!(run["executionSuccessful"], false);
        assert_eq!(run["toolExecutionNotifications"][0]["level"], "error");
        let whole = &read(&report(Vec::new()), &options())["runs"][0];
        assert_eq!(whole["invocations"][0]["executionSuccessful"], true);
        assert_eq!(whole["results"], json!([]));
    }

    #[test]
    fn no_result_is_graver_than_the_cap() {
        let log = read(&hostile(), &Options { max_level: Level::Warning, ..options() });
        let levels: Vec<&Value> =
            log["runs"][0]["results"].as_array().unwrap().iter().map(|result| &result["level"]).collect();
        assert_eq!(levels, ["warning", "warning", "warning", "note"]);
    }

    #[test]
    fn what_a_security_reviewer_found_has_a_score() {
        let mut found = finding(Severity::Error, "injection", "a.rs", (1, 1));
        found.reviewers = vec!["claude:security".into()];
        found.also = vec!["another".into()];
        let log = read(&report(vec![found]), &options());
        let rule = &log["runs"][0]["tool"]["driver"]["rules"][0]["properties"];
        assert_eq!((&rule["security-severity"], &rule["tags"][1]), (&json!("8.0"), &json!("security")));
        assert_eq!(log["runs"][0]["results"][0]["partialFingerprints"]["also/0"], "another");
    }

    #[test]
    fn what_github_would_not_keep_is_left_out_and_told() {
        let text = write(Format::Sarif, &many(1_300), &options()).unwrap();
        let log: Value = serde_json::from_str(&text).unwrap();
        let run = &log["runs"][0];
        assert_eq!(run["results"].as_array().unwrap().len(), MAX_RESULTS);
        let notes = &run["invocations"][0]["toolExecutionNotifications"];
        assert_eq!(notes[0]["message"]["text"], "200 more findings are not shown here; crew review show r1");
    }

    #[test]
    fn a_file_that_would_be_refused_is_made_smaller_by_shorter_words_first() {
        let mut report = plain(&many(10));
        report.findings.iter_mut().for_each(|agreed| agreed.finding.body = "ü".repeat(6_000));
        for (max_bytes, kept, longest) in [(600_000, 40, 6_100), (120_000, 40, 500), (30_000, 12, 500)] {
            let text = within(&report, &options(), max_bytes);
            assert!(text.len() <= max_bytes, "{}", text.len());
            let log: Value = serde_json::from_str(&text).unwrap();
            let results = log["runs"][0]["results"].as_array().unwrap();
            let length = results[0]["message"]["text"].as_str().unwrap().chars().count();
            assert!(length <= longest && length > longest / 2, "{max_bytes}: {length}");
            assert_eq!(results.len(), kept, "{max_bytes}");
        }
    }
}
