//! GitLab's code quality report (docs.gitlab.com, "Code Quality report format").

use super::plain::{INCOMPLETE, incomplete, json_text, lines, message};
use crate::domain::finding::{Severity, fingerprint};
use crate::domain::review::report::{Agreed, Report};
use serde_json::{Value, json};

/// Writes a report as a code quality report: a list of findings, each known again by its fingerprint. A job may have one
/// such file; of two entries with the same fingerprint GitLab drops one, so that fingerprints have to differ.
pub fn gitlab(report: &Report) -> String {
    let of_finding = |Agreed { finding, .. }: &Agreed| {
        let place = (finding.file.as_str(), lines(finding));
        let severity = severity(finding.severity);
        entry(&message(finding), &finding.category, &finding.fingerprint, severity, place)
    };
    let missing = incomplete(report).into_iter().enumerate().map(|(ordinal, why)| {
        let print = fingerprint(INCOMPLETE, ".", &why, ordinal);
        entry(&why, INCOMPLETE, &print, "blocker", (".", (1, 1)))
    });
    let entries: Vec<Value> = report.findings.iter().map(of_finding).chain(missing).collect();
    json_text(&Value::from(entries))
}

type Place<'a> = (&'a str, (u32, u32));

fn entry(
    words: &str,
    name: &str,
    fingerprint: &str,
    severity: &str,
    (path, (first, last)): Place<'_>,
) -> Value {
    // A path that begins with `./` is not found.
    let path = path.strip_prefix("./").unwrap_or(path);
    json!({
        "description": words, "check_name": name, "fingerprint": fingerprint, "severity": severity,
        "location": {"path": path, "lines": {"begin": first, "end": last}},
    })
}

/// GitLab knows `info`, `minor`, `major`, `critical` and `blocker`.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker => "blocker",
        Severity::Error => "critical",
        Severity::Warning => "minor",
        Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean_hostile, finding, hostile, options, report};
    use super::super::{Format, write};
    use super::*;
    use std::collections::BTreeSet;

    fn entries(report: &Report) -> Vec<Value> {
        serde_json::from_str(&write(Format::Gitlab, report, &options()).unwrap()).unwrap()
    }

    #[test]
    fn every_entry_has_what_is_required_and_says_what_was_found() {
        let entries = entries(&hostile());
        let found = clean_hostile().findings;
        assert_eq!(entries.len(), found.len() + 2);
        for (entry, Agreed { finding, .. }) in entries.iter().zip(&found) {
            let keys: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, ["check_name", "description", "fingerprint", "location", "severity"]);
            assert_eq!(entry["description"], message(finding));
            assert_eq!(entry["location"]["path"], *finding.file);
            assert_eq!(entry["location"]["lines"]["begin"], finding.start_line.max(1));
        }
        let severities: Vec<_> = entries.iter().map(|entry| entry["severity"].as_str().unwrap()).collect();
        assert_eq!(severities, ["blocker", "critical", "minor", "info", "blocker", "blocker"]);
        assert_eq!(entries[4]["check_name"], "incomplete-review");
    }

    #[test]
    fn no_two_entries_have_one_fingerprint() {
        let twice = vec![finding(Severity::Error, "race", "a.rs", (3, 3)); 3];
        let entries = entries(&report(twice));
        let prints: BTreeSet<_> = entries.iter().map(|entry| entry["fingerprint"].as_str()).collect();
        assert_eq!(prints.len(), 3);
    }

    #[test]
    fn nothing_found_is_an_empty_list() {
        assert_eq!(entries(&report(Vec::new())), Vec::<Value>::new());
    }
}
