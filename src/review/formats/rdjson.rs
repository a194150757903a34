//! Reviewdog's diagnostic format (github.com/reviewdog/reviewdog, proto/rdf/reviewdog.proto).
//!
//! Columns would be bytes of UTF-8 from 1, the last one exclusive. crew knows lines; a range without columns is linewise
//! and holds its last line. Reviewdog posts a message as a comment in Markdown.

use super::markdown::{block, line};
use super::plain::{INCOMPLETE, TOOL, body, incomplete, json_text};
use crate::domain::finding::{Finding, Severity};
use crate::domain::review::report::{Agreed, Report};
use serde_json::{Value, json};

/// Writes a report as one object.
pub fn rdjson(report: &Report) -> String {
    let missing = incomplete(report).into_iter().map(|why| {
        json!({
            "message": line(&why), "severity": "ERROR", "location": {"path": "."}, "code": {"value": INCOMPLETE},
        })
    });
    let findings = report.findings.iter().map(diagnostic);
    let diagnostics: Vec<Value> = findings.chain(missing).collect();
    json_text(&json!({"source": {"name": TOOL}, "diagnostics": diagnostics}))
}

/// What is suggested stands in the message: reviewdog's suggestions are new text for the lines, applied with one click, and
/// what agents suggest may be a sentence.
fn diagnostic(Agreed { finding, .. }: &Agreed) -> Value {
    json!({
        "message": message(finding), "severity": severity(finding.severity), "location": location(finding),
        "code": {"value": finding.category},
    })
}

fn message(finding: &Finding) -> String {
    let (title, body) = (line(&finding.title), body(finding));
    if body.is_empty() { title } else { format!("{title}\n\n{}", block(&body)) }
}

fn location(finding: &Finding) -> Value {
    match finding.start_line {
        0 => json!({"path": finding.file}),
        start => {
            let end = finding.end_line.max(start);
            json!({"path": finding.file, "range": {"start": {"line": start}, "end": {"line": end}}})
        }
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker | Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Info => "INFO",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean_hostile, hostile, options};
    use super::super::{Format, schema, write};
    use super::*;

    #[test]
    fn whole_lines_are_meant_and_a_file_has_no_range() {
        let read: Value =
            serde_json::from_str(&write(Format::Rdjson, &hostile(), &options()).unwrap()).unwrap();
        schema::assert_valid("rdjson.json", &read);
        let all = read["diagnostics"].as_array().unwrap();
        assert_eq!(all.len(), 6);
        assert_eq!(all[0]["location"]["range"], json!({"start": {"line": 3}, "end": {"line": 5}}));
        assert_eq!(all[2]["location"], json!({"path": "docs/x.md"}));
        assert_eq!(all[4]["severity"], "ERROR");
        for (diagnostic, agreed) in all.iter().zip(clean_hostile().findings) {
            let message = diagnostic["message"].as_str().unwrap();
            let first = message.lines().next().unwrap();
            assert!(!first.contains("@ann") && !first.contains("<script"), "{first}");
            let lines: Vec<_> = message.lines().filter_map(|line| line.strip_prefix("> ")).collect();
            let body = lines[1..lines.len() - 1].join("\n");
            assert_eq!(body, super::super::plain::inert(&super::super::plain::body(&agreed.finding)));
        }
    }
}
