//! The report: a run as one page that any browser shows, from a disk, without a network.
//!
//! What it came to and the table of tasks are written here as HTML, so they are there at once, and for those who let no
//! script run too. All else is data beside them, from which the page's own script makes what somebody opens.
//!
//! # How it works
//!
//! Agents wrote much of what is told. The page names its one style sheet and its script by their SHA-256 in a policy that
//! allows nothing else: no other script, style, address or form, whatever gets into it. What stands in the HTML is escaped,
//! and the data has no `<` in it, so nothing ends it early; the script makes text of it and never HTML.

mod fitting;
mod overview;

#[cfg(test)]
pub(super) use fitting::tests::small;

use super::account::Account;
use crate::domain::words::visible_json;
use crate::review::formats::escaped;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fitting::All;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("report.css");
/// In one scope of its own, so the order matters to no function.
const SCRIPT: &str = concat!(
    "'use strict';\n(() => {\n",
    include_str!("words.js"),
    include_str!("timeline.js"),
    include_str!("graph.js"),
    include_str!("task.js"),
    include_str!("lists.js"),
    include_str!("report.js"),
    "})();\n"
);

/// Writes a run as a page. Of a large run texts are cut, and that is said.
pub fn html(account: &Account) -> Result<String, serde_json::Error> {
    let fitted = fitting::fitted(account)?;
    let run = &fitted.account.run;
    let title = escaped(&format!("crew run {}: {}", run.short, run.status.words()));
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\
         <script type=\"application/json\" id=\"account\">{data}</script>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        policy = policy(),
        body = overview::body(&fitted.account, All::of(account)),
        data = data(&fitted.json),
    ))
}

/// Returns what the page may do.
fn policy() -> String {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        digest(SCRIPT),
        digest(STYLE)
    )
}

fn digest(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// Returns JSON as it may stand in a page: nothing in it is markup, and nothing is hidden.
fn data(json: &str) -> String {
    visible_json(json).replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::fitting::tests::{large, small};
    use super::*;

    fn between<'a>(page: &'a str, start: &str, end: &str) -> &'a str {
        let after = page.split_once(start).expect("a start").1;
        after.split_once(end).expect("an end").0
    }

    #[test]
    fn the_policy_names_exactly_what_is_in_the_page() {
        let page = html(&small()).expect("a page");
        let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
        for (start, end) in [("<style>", "</style>"), ("<script>", "</script>")] {
            let hash = digest(between(&page, start, end));
            assert!(policy.contains(&format!("-src '{hash}'")), "{start} {hash}: {policy}");
        }
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        // One of each, and data.
        assert_eq!((page.matches("<script").count(), page.matches("<style").count()), (2, 1));
        for forbidden in
            [" style=", " onclick=", " onload=", "javascript:", "innerHTML", "http://", "https://"]
        {
            let ours = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!ours.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn hostile_words_end_nothing_and_begin_nothing() {
        let hostile = "</script><img src=x onerror=\"evil()\"><!--<script>\u{2028}\u{202e}' onload='evil()";
        let mut account = small();
        account.run.goal = hostile.to_owned();
        account.run.team = hostile.to_owned();
        account.notes.push(hostile.to_owned());
        let task = &mut account.tasks[0];
        task.reason = hostile.to_owned();
        task.agent = hostile.to_owned();
        task.asked.text = hostile.to_owned();
        task.attempts[0].summary = hostile.to_owned();
        let page = html(&account).expect("a page");
        assert!(!page.contains("<img") && !page.contains("<!--"), "{page}");
        assert_eq!((page.matches("<script").count(), page.matches("</script>").count()), (2, 2));
        assert!(!page.contains(['\u{2028}', '\u{202e}']));
        let json = between(&page, "id=\"account\">", "</script>");
        let told: Account = serde_json::from_str(json).expect("the account");
        assert_eq!((told.run.goal.as_str(), told.tasks[0].reason.as_str()), (hostile, hostile));
    }

    #[test]
    fn the_header_counts_all_findings_and_not_those_that_have_room() {
        let mut account = small();
        let finding =
            serde_json::json!({"severity": "info", "category": "c", "file": "f", "title": "t", "body": "b"});
        let finding = || serde_json::from_value(finding.clone()).expect("one");
        account.tasks[0].attempts[0].findings = (0..300).map(|_| finding()).collect();
        let page = html(&account).expect("a page");
        assert!(page.contains("<dt>findings</dt><dd>300</dd>"), "{}", between(&page, "<dl", "</dl>"));
    }

    #[test]
    fn a_thousand_tasks_that_wrote_much_are_a_page_of_some_megabytes_that_says_what_is_cut() {
        let page = html(&large(1_000, 5_000)).expect("a page");
        assert!(page.len() < fitting::MAX + 2_000_000, "{}", page.len());
        assert_eq!(page.matches("<tr id=").count(), 1_000);
        assert!(page.contains("crew export 7k2 --format json"), "it is said");
        assert!(!html(&small()).expect("a page").contains("--format json has more"));
    }
}
