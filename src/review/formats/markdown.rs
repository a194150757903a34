//! Markdown for people: a summary of a pull request, a step or a mail.

use super::plain::{body, inert, more, without_verdict};
use crate::domain::finding::{Severity, Standing};
use crate::domain::quoted::quote;
use crate::domain::review::report::{Agreed, Pass, Report};
use crate::domain::words::revealed_line;

/// Writes a report as Markdown.
pub fn markdown(report: &Report) -> String {
    within(report, usize::MAX)
}

/// Writes a report as Markdown of at most `max` bytes; the worst findings are shown, and how many are not.
pub(super) fn within(report: &Report, max: usize) -> String {
    let mut text = head(report);
    let pieces = report.findings.iter().map(one);
    // Room for the line that says how many are left out.
    let most = max.saturating_sub(150 + report.review.len());
    if text.len() > most {
        return String::new();
    }
    let mut shown = 0;
    for piece in pieces {
        if text.len() + piece.len() > most {
            break;
        }
        text.push_str(&piece);
        shown += 1;
    }
    if let Some(words) = more(report, report.findings.len() - shown) {
        text.push_str(&format!("\n{}.\n", line(&words)));
    }
    text
}

fn head(report: &Report) -> String {
    let reviewed = &report.reviewed;
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .map(|severity| (severity, report.count(severity)))
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| match (severity, count) {
            (Severity::Info, _) | (_, 1) => format!("{count} {severity}"),
            _ => format!("{count} {severity}s"),
        })
        .collect();
    if report.is_of_nothing() {
        return format!("## crew review: nothing to review\n\n{} changes no file.\n", code(&reviewed.words));
    }
    let found = if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") };
    let mut text = format!("## crew review: {found}\n\n");
    for why in without_verdict(report) {
        text.push_str(&format!("> **Incomplete**: {}\n\n", line(&why)));
    }
    for moved in &report.moved {
        let back = code(&moved.back);
        text.push_str(&format!("> **Changed**: {}. This sets it back: {back}\n\n", line(&moved.words())));
    }
    let by: Vec<String> = report.reviewers.iter().map(|reviewer| line(&reviewer.name)).collect();
    let (files, added, removed) = (reviewed.files, reviewed.added, reviewed.removed);
    let s = if files == 1 { "" } else { "s" };
    text.push_str(&format!(
        "{} ({files} file{s}, +{added} -{removed}), reviewed by {}\n",
        code(&reviewed.words),
        by.join(", ")
    ));
    let approved = report.reviewers.iter().filter(|reviewer| reviewer.pass == Pass::Approved).count();
    if approved > 0 {
        text.push_str(&format!("\nApproved by {approved} of {}.\n", report.reviewers.len()));
    }
    let hidden = &report.hidden;
    for (count, why) in [
        (hidden.known, "known"),
        (hidden.dismissed, "dismissed"),
        (hidden.resolved, "put right"),
        (hidden.unsure, "less sure than asked for"),
    ] {
        if count > 0 {
            text.push_str(&format!("\nNot listed: {count} {why}.\n"));
        }
    }
    report
        .skipped
        .iter()
        .for_each(|sentence| text.push_str(&format!("\nNot examined: {}\n", line(sentence))));
    text
}

fn one(agreed: &Agreed) -> String {
    let finding = &agreed.finding;
    let file = quote(&finding.file);
    let place = match (finding.start_line, finding.end_line) {
        (0, _) => file.into_owned(),
        (start, end) if end > start => format!("{file}:{start}-{end}"),
        (start, _) => format!("{file}:{start}"),
    };
    let outside =
        if finding.standing == Some(Standing::OutsideDiff) { ", outside of the change" } else { "" };
    let mut text = format!(
        "\n### {}: {}\n\n{} ({}, {}, {:.2}{outside})\n",
        finding.severity,
        line(&finding.title),
        code(&place),
        line(&finding.category),
        line(&agreed.reviewers.join(", ")),
        finding.confidence,
    );
    let body = body(finding);
    if !body.is_empty() {
        text.push_str(&format!("\n{}\n", block(&body)));
    }
    text
}

/// Stands between the characters of what would be a mention or a link. It shows nothing; written out, everybody who reads
/// the source sees it.
const BREAK: &str = "&#8203;";

/// Escapes a text that stands within a line: what Markdown and HTML would make of it, and what GitHub and GitLab make of
/// the finished page: mentions, numbers of issues and merge requests, labels, addresses.
pub fn line(text: &str) -> String {
    let folded = inert(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut out = String::with_capacity(folded.len());
    let mut rest = folded.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '#' | '$' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
        let next = rest.peek().copied().unwrap_or(' ');
        let is_mark = matches!(character, '@' | '#' | '!' | '~' | '%' | '$' | '&');
        let refers = is_mark && (next.is_alphanumeric() || matches!(next, '"' | '_' | '['));
        // `http://`, `www.` and `GH-1`.
        let is_address = (character == ':' && next == '/')
            || (character == '.' && next.is_alphanumeric() && out.to_ascii_lowercase().ends_with("www."))
            || (character == '-' && next.is_ascii_digit());
        if refers || is_address {
            out.push_str(BREAK);
        }
    }
    out
}

/// Returns a text as code within a line, in which nothing is Markdown, a mention or a link.
pub fn code(text: &str) -> String {
    let text = inert(&revealed_line(text));
    let longest = longest_run(&text);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Returns a text of several lines as a block in which nothing is Markdown, a mention or a link. Each line of it begins
/// with `>`, so that none begins with a command of a pipeline's runner.
pub fn block(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let mut block = format!("> {fence}text\n");
    for line in inert(text).split('\n') {
        block.push_str(&format!("> {line}\n"));
    }
    block.push_str(&format!("> {fence}"));
    block
}

/// Returns how many backticks follow each other at most.
fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean_hostile, hostile, many, options, report};
    use super::super::{Format, write};
    use super::*;

    fn markdown(report: &Report) -> String {
        write(Format::Markdown, report, &options()).unwrap()
    }

    /// Returns the lines outside of blocks, without code, and those of the blocks.
    fn outside_and_inside(text: &str) -> (String, Vec<String>) {
        let (mut outside, mut blocks, mut fence) = (String::new(), Vec::new(), None::<String>);
        for line in text.lines() {
            let quoted = line.strip_prefix("> ").unwrap_or_default();
            let ticks: String = quoted.chars().take_while(|character| *character == '`').collect();
            match &fence {
                Some(open) if *open == ticks && quoted == ticks => fence = None,
                Some(_) => {
                    let block: &mut String = blocks.last_mut().unwrap();
                    block.push_str(line.strip_prefix("> ").expect("a quoted line"));
                    block.push('\n');
                }
                None if ticks.len() >= 3 => {
                    fence = Some(ticks);
                    blocks.push(String::new());
                }
                None => {
                    outside.push_str(line);
                    outside.push('\n');
                }
            }
        }
        assert_eq!(fence, None, "every block is closed");
        (outside, blocks)
    }

    #[test]
    fn no_word_is_markup_a_mention_or_a_link() {
        let text = markdown(&hostile());
        let (outside, blocks) = outside_and_inside(&text);
        for words in ["<script", "<!--", "](http", "@ann", "#1", "!7", "://", "www.e", "##[", "GH-1", "**b"] {
            assert!(!outside.contains(words), "{words}: {outside}");
        }
        for (block, agreed) in blocks.iter().zip(clean_hostile().findings) {
            assert_eq!(block.trim_end(), inert(&body(&agreed.finding)).trim_end());
        }
        assert_eq!(blocks.len(), 4);
        assert!(outside.contains("> **Incomplete**: the review of codex"), "{outside}");
        assert!(outside.contains("> **Changed**: while codex reviewed, refs/heads/"), "{outside}");
    }

    #[test]
    fn words_without_marks_stay_as_they_are() {
        let plain = "lock is held across an await; 50% of a, b - c: \"d\" 'e' x=1";
        assert_eq!(line(plain), plain);
        assert_eq!(
            line("@ann #1 [a](http://x) www.e.org GH-1 !7"),
            "@&#8203;ann \\#&#8203;1 \\[a\\]\\(http:&#8203;//x\\) www.&#8203;e.org GH-&#8203;1 \\!&#8203;7"
        );
    }

    #[test]
    fn nothing_found_is_said() {
        assert!(markdown(&report(Vec::new())).starts_with("## crew review: nothing found\n"));
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let text = within(&many(10), 2_000);
        assert!(text.len() <= 2_000, "{}", text.len());
        assert!(text.contains(" more findings are not shown here; crew review show r1."), "{text}");
    }
}
