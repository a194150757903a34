//! A report with everything in it that a form can stumble over, and readers of forms that share nothing with the writers.

use super::format::{Format, Level, Options};
use super::{plain, write};
use crate::domain::finding::{Finding, MAX_BODY, Severity, Standing, fingerprint};
use crate::domain::review::report::{Agreed, Hidden, Moved, Pass, Report, Reviewed, Reviewer};
use crate::domain::worktree::MovedReference;
use std::collections::BTreeMap;

/// Words that would be a command, a tag, an entity, a link, a mention or a heading somewhere.
const HOSTILE: &str = "::error::x %0A ##[error]y ##vso[task.complete]z <script>alert(1)</script> & \"q\" 'a' ]]> | `tick` \
    [l](http://x) @ann #1 !7 GH-1 www.e.org **b** <!-- c --> \\ud800 {0} [[ATTACHMENT|/etc/passwd]]";
/// What a terminal obeys, what turns the order of letters, and what XML cannot hold.
const CONTROLS: &str =
    "\u{1b}[31mred\u{1b}[0m \u{1b}]0;t\u{7} \u{9b}2J \u{202e}abc\u{2066} \u{0}\u{8}\u{7f}\u{fffe} \u{e0041}";

pub fn options() -> Options<'static> {
    Options { version: "0.1.0", category: "review", max_level: Level::Error, fail_on: Some(Severity::Error) }
}

/// Returns a finding of a category at lines of a file.
pub fn finding(severity: Severity, category: &str, file: &str, lines: (u32, u32)) -> Agreed {
    let finding = Finding {
        severity,
        category: category.to_owned(),
        file: file.to_owned(),
        start_line: lines.0,
        end_line: lines.1,
        quote: String::new(),
        title: format!("{category} in {file}"),
        body: "The case that shows it.".to_owned(),
        suggestion: None,
        confidence: 0.9,
        fingerprint: fingerprint(category, file, &lines.0.to_string(), 0),
        standing: Some(if lines.0 == 0 { Standing::Whole } else { Standing::InDiff }),
    };
    Agreed {
        reviewers: vec!["claude".to_owned(), "builtin".to_owned()],
        ..Agreed::alone(finding, String::new())
    }
}

/// Returns a report of these findings.
pub fn report(findings: Vec<Agreed>) -> Report {
    let reviewed = Reviewed {
        words: "origin/main...HEAD".to_owned(),
        base: "a".repeat(40),
        head: "b".repeat(40),
        files: 3,
        added: 12,
        removed: 4,
        put_right: None,
    };
    let reviewer = |name: &str, pass| Reviewer { name: name.to_owned(), pass };
    let reviewers =
        vec![reviewer("claude", Pass::ChangesRequested), reviewer("builtin", Pass::ChangesRequested)];
    let hidden = Hidden { known: 2, dismissed: 1, ..Hidden::default() };
    Report {
        review: "r1".to_owned(),
        reviewed,
        reviewers,
        findings,
        hidden,
        moved: Vec::new(),
        skipped: Vec::new(),
        millis: 1500,
    }
}

/// Returns a report with hostile words in every place that an agent fills, and one reviewer that never handed in.
pub fn hostile() -> Report {
    let mut findings = vec![
        finding(Severity::Blocker, "secret", "src/a b,c:d.rs", (3, 5)),
        finding(Severity::Error, "todo", "src/\"ü\"<&>::error::##[error]`.rs", (7, 7)),
        finding(Severity::Warning, "size", "docs/x.md", (0, 0)),
        finding(Severity::Info, "note", "z\n::error::\u{1b}[31m\u{202e}.rs", (2, 2)),
    ];
    for (at, agreed) in findings.iter_mut().enumerate() {
        let finding = &mut agreed.finding;
        finding.title = format!("{} {at}", HOSTILE.split_at(70).1);
        finding.body = format!(
            "{HOSTILE}{CONTROLS}\n\n::error::y\r\n  ::add-mask::z\u{2028}::error::w\n````\nfence\n```"
        );
        finding.suggestion = Some(HOSTILE.to_owned());
    }
    findings[1].finding.category = format!("{HOSTILE}{CONTROLS}");
    findings[2].finding.body = "\u{10ffff}".repeat(MAX_BODY);
    let mut report = report(findings);
    let pass = Pass::Incomplete { why: format!("it never handed in\n::error::{HOSTILE}") };
    report.reviewers.push(Reviewer { name: "codex".to_owned(), pass });
    report.skipped.push(format!("\n{HOSTILE}"));
    let moved = MovedReference {
        reference: format!("refs/heads/`$(x)`;'&|<b>{{0}}/::error::##[error]{CONTROLS}"),
        from: Some("a".repeat(40)),
        to: "b".repeat(40),
        lost: true,
        forward: false,
        elsewhere: false,
        held: Some("refs/crew/keep/r1/codex/1".to_owned()),
    };
    report.moved.push(Moved { reviewers: vec!["codex".to_owned()], back: moved.back(), moved });
    report
}

/// Returns it with cleaned words, as it has to be read from every form.
pub fn clean_hostile() -> Report {
    plain::plain(&hostile())
}

/// Returns many findings of each severity, the worst first.
pub fn many(of_each: u32) -> Report {
    let severities = Severity::ALL.into_iter().rev();
    let of = |severity: Severity| {
        (1..=of_each).map(move |line| finding(severity, severity.name(), "src/lib.rs", (line, line)))
    };
    report(severities.flat_map(of).collect())
}

/// Returns what XML can hold of a text.
pub fn xml_holds(text: &str) -> String {
    let lost = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if lost(c) { '?' } else { c }).collect()
}

/// A command as GitHub's runner reads it.
#[derive(Debug)]
pub struct Command {
    pub name: String,
    pub properties: BTreeMap<String, String>,
    pub data: String,
}

/// Reads the commands of a step's output as GitHub's runner does (`ActionCommand.TryParseV2` and `TryParse`).
pub fn commands_in(output: &str) -> Vec<Command> {
    output.split(['\n', '\r']).filter_map(|line| second_form(line).or_else(|| first_form(line))).collect()
}

fn second_form(line: &str) -> Option<Command> {
    let (info, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = info.split_once(' ').unwrap_or((info, ""));
    let unescape = |text: &str, escapes: &[(&str, &str)]| {
        escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let of_data = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")];
    let of_property = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
    let pairs = properties.split(',').filter_map(|pair| pair.split_once('='));
    let properties = pairs.map(|(key, value)| (key.to_owned(), unescape(value, &of_property))).collect();
    Some(Command { name: name.to_owned(), properties, data: unescape(data, &of_data) })
}

fn first_form(line: &str) -> Option<Command> {
    let opening = ["##[", "##vso[", "##teamcity["].into_iter().find(|opening| line.contains(opening))?;
    Some(Command { name: opening.to_owned(), properties: BTreeMap::new(), data: line.to_owned() })
}

#[test]
fn the_reader_of_commands_finds_what_the_runner_would() {
    let output = "a\n  ::error file=a%3A%2C,line=1::b%250A\nx ##[error]y\n:: no";
    let read = commands_in(output);
    assert_eq!(read.len(), 2, "{read:?}");
    assert_eq!((read[0].name.as_str(), read[0].properties["file"].as_str()), ("error", "a:,"));
    assert_eq!((read[0].data.as_str(), read[1].name.as_str()), ("b%0A", "##["));
}

/// Whatever is written to the log of a pipeline, only what is meant to be a command is one, and no terminal obeys it.
#[test]
fn no_form_holds_a_command_or_an_escape() {
    for format in Format::ALL {
        let Some(text) = write(format, &hostile(), &options()) else { continue };
        let hidden: Vec<char> =
            text.chars().filter(|c| *c != '\n' && crate::domain::words::is_hidden(*c)).collect();
        assert_eq!(hidden, Vec::<char>::new(), "{}", format.name());
        let expected = if format == Format::Github { 6 } else { 0 };
        let commands = commands_in(&text);
        assert_eq!(commands.len(), expected, "{}: {commands:?}", format.name());
        assert!(
            commands.iter().all(|command| ["error", "warning", "notice"].contains(&command.name.as_str()))
        );
    }
}
