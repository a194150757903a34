//! What earlier reviews of the same thing said, in words for the next reviewer.

use crate::domain::quoted::quote;
use crate::domain::submission::{ReviewBody, ReviewVerdict};
use crate::domain::words::{clean_line, clean_text};

/// The most findings that are told, and the most bytes of one body.
const MAX_FINDINGS: usize = 60;
const MAX_BODY: usize = 1_200;

/// Tells verdict and findings of some reviewers, the gravest findings first.
pub fn earlier_words<'a>(reviews: impl IntoIterator<Item = (&'a str, &'a ReviewBody)>) -> String {
    let mut words = String::new();
    let mut findings = Vec::new();
    for (reviewer, review) in reviews {
        let verdict = match review.verdict {
            ReviewVerdict::Approved => "approved",
            ReviewVerdict::ChangesRequested => "changes requested",
        };
        let body = clean_text(review.body.trim(), MAX_BODY);
        let colon = if body.is_empty() { "" } else { ": " };
        words.push_str(&format!("{}: {verdict}{colon}{body}\n", clean_line(reviewer, 100)));
        findings.extend(review.findings.iter().map(|finding| (reviewer, finding)));
    }
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    let more = findings.len().saturating_sub(MAX_FINDINGS);
    for (reviewer, finding) in findings.into_iter().take(MAX_FINDINGS) {
        let line = if finding.start_line > 0 { format!(":{}", finding.start_line) } else { String::new() };
        let (file, title) = (clean_line(&quote(&finding.file), 200), clean_line(&finding.title, 200));
        let reviewer = clean_line(reviewer, 100);
        words.push_str(&format!("\n{} {file}{line} {title} ({reviewer})\n", finding.severity));
        for text in [&finding.quote, &finding.body] {
            let text = clean_text(text.trim(), MAX_BODY);
            words.extend(text.lines().map(|line| format!("  {line}\n")));
        }
    }
    if more > 0 {
        words.push_str(&format!("\nand {more} more\n"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn review(findings: serde_json::Value) -> ReviewBody {
        serde_json::from_value(json!({"verdict": "changes_requested", "body": "Two.", "findings": findings}))
            .unwrap()
    }

    #[test]
    fn the_gravest_is_told_first_and_who_found_it() {
        let finding = |severity: &str, line: u32| {
            json!({"severity": severity, "category": "c", "file": "a.rs", "start_line": line, "end_line": line,
                "quote": "let a\nlet b", "title": format!("t{line}"), "body": "Why."})
        };
        let review = review(json!([finding("info", 0), finding("error", 7)]));
        let words = earlier_words([("claude", &review)]);
        assert_eq!(
            words,
            "claude: changes requested: Two.\n\nerror a.rs:7 t7 (claude)\n  let a\n  let b\n  Why.\n\ninfo a.rs t0 (claude)\n  let a\n  let b\n  Why.\n"
        );
        assert_eq!(earlier_words([]), "");
    }

    #[test]
    fn very_many_are_bounded() {
        let one = json!({"severity": "info", "category": "c", "file": "a".repeat(5_000), "title": "t",
            "body": "x".repeat(12_000)});
        let review = review(json!(vec![one; 5_000]));
        let words = earlier_words([("a", &review)]);
        assert!(words.len() < 120_000 && words.ends_with("and 4940 more\n"), "{}", words.len());
    }
}
