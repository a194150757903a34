//! GitHub Actions: annotations by workflow commands, and the summary of a step.

use super::markdown;
use super::plain::{body, incomplete, inert, lines, more, plain};
use crate::domain::finding::{Finding, Severity};
use crate::domain::review::report::Report;
use crate::domain::words::revealed_line;

/// GitHub shows as many annotations of one kind for a step, and drops others in silence. The three kinds together stay
/// below the fifty of a job (github.com/actions/toolkit, docs/problem-matchers.md).
const OF_ONE_KIND: usize = 10;
/// The most bytes of all that a step writes to its summary; of more, nothing is shown at all (docs.github.com: 1 MiB).
/// Somewhat less, since what is just below has been refused (github.com/actions/runner#4337).
const MAX_SUMMARY: usize = 1024 * 1024 - 1024;
/// The most characters of an annotation's message that are worth showing.
const MAX_MESSAGE: usize = 4_000;

/// Writes a report as workflow commands, at most ten of a kind, the worst first. What is left out is said in one of them.
pub fn annotations(report: &Report) -> String {
    // Without these a run would look whole that is not.
    let incomplete = incomplete(report);
    let commands = incomplete.iter().take(OF_ONE_KIND).map(|why| note("error", why));
    let mut commands: String = commands.collect();
    let of_kind =
        |kind| report.findings.iter().filter(move |agreed| command(agreed.finding.severity) == kind);
    let room = |kind| match kind {
        "error" => OF_ONE_KIND - incomplete.len().min(OF_ONE_KIND),
        _ => OF_ONE_KIND,
    };
    let beyond = |kind| of_kind(kind).count().saturating_sub(room(kind));
    // One place is for what is said of those that are left out.
    let is_full = ["error", "warning", "notice"].into_iter().any(|kind| beyond(kind) > 0);
    let mut left_out = 0;
    for kind in ["error", "warning", "notice"] {
        let room = room(kind) - usize::from(kind == "notice" && is_full);
        of_kind(kind).take(room).for_each(|agreed| commands.push_str(&annotation(kind, &agreed.finding)));
        left_out += of_kind(kind).count().saturating_sub(room);
    }
    commands.extend(more(report, left_out).map(|words| note("notice", &words)));
    commands
}

fn note(kind: &str, words: &str) -> String {
    format!("::{kind} title=crew review::{}\n", data(words))
}

fn annotation(kind: &str, finding: &Finding) -> String {
    let (first, last) = lines(finding);
    let text = body(finding);
    let text = if text.is_empty() { &finding.title } else { &text };
    let text: String = text.chars().take(MAX_MESSAGE).collect();
    let title = format!("{}: {}", finding.severity, finding.title);
    format!(
        "::{kind} file={},line={first},endLine={last},title={}::{}\n",
        property(&file_of(finding)),
        property(&title),
        data(&text)
    )
}

/// Returns a file's name as the runner is to know it: it unescapes line ends, and nothing else that a terminal would obey.
fn file_of(finding: &Finding) -> String {
    let lines: Vec<_> = finding.file.split('\n').map(revealed_line).collect();
    lines.join("\n")
}

/// Writes a report as the Markdown of a step's summary, to be added to the file `$GITHUB_STEP_SUMMARY` that has `already`
/// so many bytes; nothing where there is no room for a word.
pub fn step_summary(report: &Report, already: u64) -> String {
    let room = MAX_SUMMARY.saturating_sub(usize::try_from(already).unwrap_or(usize::MAX));
    markdown::within(&plain(report), room)
}

fn command(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    }
}

/// Escapes a command's message. Every line end is escaped, so no word in it can begin a command of its own.
fn data(text: &str) -> String {
    inert(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean_hostile, commands_in, finding, hostile, many, options, report};
    use super::super::{Format, write};
    use super::*;

    fn commands(report: &Report) -> String {
        write(Format::Github, report, &options()).unwrap()
    }

    #[test]
    fn the_runner_reads_each_finding_and_no_word_of_one_as_a_command() {
        let written = commands(&hostile());
        let read = commands_in(&written);
        assert_eq!((read.len(), written.lines().count()), (6, 6), "{written}");
        assert_eq!((read[0].name.as_str(), read[0].properties["title"].as_str()), ("error", "crew review"));
        assert!(read[0].data.starts_with("the review of codex is incomplete: "), "{}", read[0].data);
        assert!(read[1].data.starts_with("while codex reviewed, refs/heads/"), "{}", read[1].data);
        let expected = ["error", "error", "warning", "notice"];
        for ((command, agreed), name) in read[2..].iter().zip(clean_hostile().findings).zip(expected) {
            let finding = agreed.finding;
            assert_eq!(command.name, name);
            assert_eq!(command.properties["file"], inert(&file_of(&finding)));
            assert_eq!(command.properties["line"], finding.start_line.max(1).to_string());
            assert_eq!(
                command.properties["title"],
                inert(&format!("{}: {}", finding.severity, finding.title))
            );
            assert_eq!(command.data, inert(&body(&finding)).chars().take(MAX_MESSAGE).collect::<String>());
            assert_eq!(command.properties.len(), 4);
        }
    }

    #[test]
    fn what_github_would_drop_is_left_out_and_told() {
        let all = commands(&many(12));
        let count = |kind: &str| all.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!((count("::error "), count("::warning "), count("::notice ")), (10, 10, 10));
        let told = "::notice title=crew review::19 more findings are not shown here; crew review show r1\n";
        assert!(all.ends_with(told), "{all}");
        assert!(all.lines().next().unwrap_or_default().contains("title=blocker"), "{all}");
    }

    #[test]
    fn as_many_as_are_shown_need_no_place_for_a_word_about_others() {
        let ten = (1..=10).map(|line| finding(Severity::Info, "note", "a.rs", (line, line))).collect();
        let all = commands(&report(ten));
        assert_eq!(all.lines().count(), 10);
        assert!(!all.contains(" more "), "{all}");
    }

    #[test]
    fn a_summary_stays_below_the_limit_with_what_is_there() {
        let already = 1024 * 1024 - 9_000;
        let mut report = many(100);
        report.findings.iter_mut().for_each(|agreed| agreed.finding.body = "long ".repeat(1_000));
        for (already, most) in [(0, MAX_SUMMARY), (already, 8_000), (already + 8_990, 0)] {
            let summary = step_summary(&report, already);
            assert!(summary.len() <= most, "{already}: {}", summary.len());
            assert_eq!(summary.is_empty(), most == 0);
            assert!(most == 0 || summary.contains(" more findings are not shown here"));
        }
    }
}
