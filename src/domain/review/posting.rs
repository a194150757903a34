//! What of a review is said at a pull request, and what is said there already.
//!
//! A host refuses a whole review for one remark outside the lines of its diff, so only those inside become remarks at
//! lines; the rest stands in the summary. What was said once is not said again, whatever became of it there: each remark
//! carries its finding's fingerprint where people do not see it. Words of agents stand as code: there, a host notifies
//! nobody, closes nothing, follows no link and takes nothing for HTML.

use super::report::{Agreed, Pass, Report};
use crate::domain::finding::Severity;
use crate::domain::quoted::quote;
use crate::domain::words::{clean_line, clean_text};
use std::collections::{BTreeMap, BTreeSet};

/// The most remarks at lines that one review makes; who is told more reads none.
const MAX_REMARKS: usize = 50;
/// The most bytes of one remark, and of the summary: hosts take 65,536 characters.
const MAX_REMARK: usize = 20_000;
const MAX_SUMMARY: usize = 60_000;
/// The most bytes of a finding's body, and of a suggestion.
const MAX_BODY: usize = 12_000;
/// The most bytes of a finding's body in the summary, where many stand together.
const MAX_SHORT: usize = 800;
/// The most characters of a title, a path and a reason.
const MAX_LINE: usize = 200;
/// The most fingerprints that a remark carries.
const MAX_PRINTS: usize = 20;
/// Code is not folded where it is shown, so it is folded here, in characters.
const WIDTH: usize = 96;

const REMARK: &str = "<!-- crew:finding ";
const SUMMARY: &str = "<!-- crew:review ";
const END: &str = " -->";

/// The lines of the new file that a change added, both included, by path. A host shows these, and remarks may stand there.
pub type Lines = BTreeMap<String, Vec<(u32, u32)>>;

/// A remark of crew's own that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// As the host names it.
    pub id: String,
    /// All of its first words.
    pub body: String,
    pub resolved: bool,
    /// Whether whoever we are there may mark it resolved.
    pub resolvable: bool,
}

/// A summary of crew's own that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub id: String,
    pub body: String,
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct There {
    pub threads: Vec<Thread>,
    pub summaries: Vec<Standing>,
}

/// A remark at lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub path: String,
    /// First and last line in the new file.
    pub lines: (u32, u32),
    pub body: String,
}

/// What becomes of the summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Summary {
    New(String),
    /// It takes the place of the one with this id.
    Instead {
        id: String,
        body: String,
    },
    /// It says all that there is to say.
    Same,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub remarks: Vec<Remark>,
    /// Threads that are marked resolved: what they are about is not found any more.
    pub resolve: Vec<String>,
    pub summary: Summary,
    /// How many findings stand there from an earlier time, and how many stand in the summary alone.
    pub kept: usize,
    pub in_summary: usize,
    /// How many threads are about what is not found any more, and may not be marked.
    pub stuck: usize,
}

/// Plans what is said about a report. `verdict` is what it comes to, in words.
pub fn plan(report: &Report, verdict: &str, lines: &Lines, there: &There) -> Plan {
    let known: BTreeSet<&str> = there
        .threads
        .iter()
        .filter_map(|thread| mark_of(&thread.body))
        .flat_map(|(prints, _)| prints)
        .collect();
    let (mut remarks, mut apart, mut kept) = (Vec::new(), Vec::new(), 0);
    let mut told = BTreeSet::new();
    for agreed in &report.findings {
        if agreed.fingerprints().any(|print| known.contains(print.as_str())) {
            kept += 1;
            continue;
        }
        // Two words on the same text are one remark.
        if !told.insert(agreed.finding.fingerprint.as_str()) {
            continue;
        }
        match place(agreed, lines).filter(|_| remarks.len() + kept < MAX_REMARKS) {
            Some(lines) => {
                let path = agreed.finding.file.clone();
                remarks.push(Remark { path, lines, body: remark(agreed) });
            }
            None => apart.push(agreed),
        }
    }
    let gone: Vec<&Thread> = there.threads.iter().filter(|thread| is_gone(thread, report)).collect();
    let resolve: Vec<String> =
        gone.iter().filter(|thread| thread.resolvable).map(|thread| thread.id.clone()).collect();
    let stuck = gone.len() - resolve.len();
    let (mark, in_summary) = (summary_mark(report), apart.len());
    let body = summary(report, verdict, &mark, &apart, remarks.len() + kept);
    let before = there.summaries.iter().find(|standing| standing.body.starts_with(&mark));
    let summary = match before {
        Some(before) if before.body.trim_end() == body.trim_end() => Summary::Same,
        Some(before) => Summary::Instead { id: before.id.clone(), body },
        None => Summary::New(body),
    };
    Plan { remarks, resolve, summary, kept, in_summary, stuck }
}

/// Plans once more with the findings of some remarks in the summary, because the host does not take them at lines.
pub fn without_remarks(
    report: &Report,
    verdict: &str,
    refused: &[Remark],
    lines: &Lines,
    there: &There,
) -> Plan {
    let mut left = lines.clone();
    for remark in refused {
        if let Some(of_file) = left.get_mut(&remark.path) {
            of_file.retain(|(first, last)| *last < remark.lines.0 || remark.lines.1 < *first);
        }
    }
    plan(report, verdict, &left, there)
}

/// Tells whether a body is one of crew's own: a remark or a summary.
pub fn is_ours(body: &str) -> bool {
    mark_of(body).is_some() || is_summary(body)
}

/// Tells whether a body is a summary of crew's own.
pub fn is_summary(body: &str) -> bool {
    body.starts_with(SUMMARY)
}

/// Returns the lines at which a finding can be shown: those of it that lie in one stretch of added lines.
fn place(agreed: &Agreed, lines: &Lines) -> Option<(u32, u32)> {
    let finding = &agreed.finding;
    let (first, last) = (finding.start_line, finding.end_line.max(finding.start_line));
    let stretches = lines.get(&finding.file).filter(|_| first > 0)?;
    let (start, end) = stretches.iter().find(|(start, end)| *start <= last && first <= *end)?;
    Some((first.max(*start), last.min(*end)))
}

/// Decides whether what a thread is about was looked for, by all who had found it, and is not found any more.
fn is_gone(thread: &Thread, report: &Report) -> bool {
    let Some((prints, found_by)) = mark_of(&thread.body).filter(|_| !thread.resolved) else {
        return false;
    };
    let looked = |name: &&str| {
        let passed = |pass: &Pass| !matches!(pass, Pass::Incomplete { .. });
        report.reviewers.iter().any(|reviewer| word(&reviewer.name) == **name && passed(&reviewer.pass))
    };
    let mut all = report.findings.iter().flat_map(Agreed::fingerprints);
    let found = all.any(|print| prints.contains(&print.as_str()));
    !found && !found_by.is_empty() && found_by.iter().all(looked)
}

/// Reads the fingerprints that a remark carries, and who had found it.
fn mark_of(body: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    // It stands at the very end: further up an agent may have written what it likes.
    let (_, mark) = body.trim_end().strip_suffix(END)?.rsplit_once(REMARK)?;
    let (prints, found_by) = mark.split_once(' ').unwrap_or((mark, ""));
    let prints: Vec<&str> = prints.split(',').collect();
    let is_print = |print: &&str| print.len() == 16 && print.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found_by = found_by.split(',').filter(|name| !name.is_empty()).collect();
    prints.iter().all(is_print).then_some((prints, found_by))
}

fn summary_mark(report: &Report) -> String {
    let names: BTreeSet<String> = report.reviewers.iter().map(|reviewer| word(&reviewer.name)).collect();
    format!("{SUMMARY}{}{END}", names.into_iter().collect::<Vec<_>>().join(","))
}

/// Returns a name as a word that ends no comment.
fn word(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_:.".contains(c) { c } else { '_' };
    name.chars().take(60).map(plain).collect()
}

/// Returns words as code within a line.
fn code(words: &str) -> String {
    let words = clean_line(words, MAX_LINE).replace('`', "'");
    if words.is_empty() { String::new() } else { format!("`{words}`") }
}

/// Returns text as a block of code that nothing in it can end.
fn block(text: &str, most: usize) -> String {
    let text = folded(clean_text(text, most).trim_end());
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n")
}

/// Folds lines at spaces, as far as there are any.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / WIDTH);
    for line in text.lines() {
        let mut room = WIDTH;
        for word in line.split_inclusive(' ') {
            let length = word.chars().count();
            if length > room && room < WIDTH {
                folded.truncate(folded.trim_end_matches(' ').len());
                folded.push('\n');
                room = WIDTH;
            }
            folded.push_str(word);
            room = room.saturating_sub(length);
        }
        folded.push('\n');
    }
    folded.truncate(folded.trim_end().len());
    folded
}

fn head(agreed: &Agreed) -> String {
    let finding = &agreed.finding;
    let who = agreed.reviewers.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ");
    let agree = if agreed.voices() > 1 { " agree" } else { "" };
    let sure = format!("{:.2}", finding.confidence);
    format!(
        "**{}** {} ({who}{agree}, {}, {sure})\n",
        finding.severity,
        code(&finding.title),
        code(&finding.category)
    )
}

fn remark(agreed: &Agreed) -> String {
    let finding = &agreed.finding;
    let mut text = head(agreed);
    if !finding.body.trim().is_empty() {
        text.push_str(&format!("\n{}", block(&finding.body, MAX_BODY)));
    }
    let suggestion = finding.suggestion.as_deref().filter(|text| !text.trim().is_empty());
    if let Some(suggestion) = suggestion
        && text.len() + suggestion.len() < MAX_REMARK - MAX_LINE
    {
        text.push_str(&format!("\nSuggestion:\n\n{}", block(suggestion, MAX_BODY)));
    }
    let found_by: Vec<String> = agreed.reviewers.iter().map(|name| word(name)).collect();
    let prints: Vec<&str> = agreed.fingerprints().take(MAX_PRINTS).map(String::as_str).collect();
    text.push_str(&format!("\n{REMARK}{} {}{END}\n", prints.join(","), found_by.join(",")));
    text
}

fn summary(report: &Report, verdict: &str, mark: &str, apart: &[&Agreed], at_lines: usize) -> String {
    let counts = Severity::ALL.iter().rev().map(|severity| (report.count(*severity), severity.name()));
    let counts: Vec<String> =
        counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    let counts = if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") };
    let head: String = report.reviewed.head.chars().filter(char::is_ascii_hexdigit).take(10).collect();
    let mut text =
        format!("{mark}\n**crew review** of `{head}`: {}, {counts}\n\n", clean_line(verdict, MAX_LINE));
    for reviewer in report.reviewers.iter().take(20) {
        let pass = match &reviewer.pass {
            Pass::Approved => "approved".to_owned(),
            Pass::ChangesRequested => "changes requested".to_owned(),
            Pass::Incomplete { why } => format!("**incomplete**: {}", code(why)),
        };
        text.push_str(&format!("- {}: {pass}\n", code(&reviewer.name)));
    }
    if at_lines > 0 {
        text.push_str(&format!("\n{} at the lines of the diff.\n", counted(at_lines, "finding")));
    }
    let hidden = report.hidden;
    let parts = [
        (hidden.known, "known"),
        (hidden.dismissed, "dismissed"),
        (hidden.resolved, "put right"),
        (hidden.unsure, "not sure enough"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
    if !parts.is_empty() {
        text.push_str(&format!("\nNot shown: {}.\n", parts.join(", ")));
    }
    if !apart.is_empty() {
        let count = counted(apart.len(), "finding");
        text.push_str(&format!("\n{count} elsewhere, which no line of the diff can show:\n\n"));
    }
    for (at, agreed) in apart.iter().enumerate() {
        let entry = entry(agreed);
        if text.len() + entry.len() > MAX_SUMMARY {
            text.push_str(&format!("{} more.\n", counted(apart.len() - at, "finding")));
            break;
        }
        text.push_str(&entry);
    }
    text
}

fn entry(agreed: &Agreed) -> String {
    let finding = &agreed.finding;
    let place = match finding.start_line {
        0 => quote(&finding.file).into_owned(),
        line => format!("{}:{line}", quote(&finding.file)),
    };
    let mut entry = format!("{} {}", code(&place), head(agreed));
    if !finding.body.trim().is_empty() {
        entry.push_str(&format!("\n{}", block(&finding.body, MAX_SHORT)));
    }
    entry + "\n"
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Finding;
    use crate::domain::review::report::{Hidden, Reviewed, Reviewer};

    fn finding(print: char, file: &str, lines: (u32, u32), title: &str, body: &str) -> Agreed {
        let finding = Finding {
            severity: Severity::Error,
            category: "race".into(),
            file: file.into(),
            start_line: lines.0,
            end_line: lines.1,
            quote: String::new(),
            title: title.into(),
            body: body.into(),
            suggestion: None,
            confidence: 0.9,
            fingerprint: print.to_string().repeat(16),
            standing: None,
        };
        Agreed::alone(finding, "claude".into())
    }

    fn report(findings: Vec<Agreed>, passes: &[(&str, Pass)]) -> Report {
        let reviewer = |(name, pass): &(&str, Pass)| Reviewer { name: (*name).into(), pass: pass.clone() };
        Report {
            review: "1a2b".into(),
            reviewed: Reviewed {
                words: "a..b".into(),
                base: "a".repeat(40),
                head: "b".repeat(40),
                files: 1,
                added: 1,
                removed: 0,
                put_right: None,
            },
            reviewers: passes.iter().map(reviewer).collect(),
            findings,
            hidden: Hidden::default(),
            moved: Vec::new(),
            skipped: Vec::new(),
            millis: 0,
        }
    }

    fn claude() -> Vec<(&'static str, Pass)> {
        vec![("claude", Pass::ChangesRequested)]
    }

    fn added() -> Lines {
        Lines::from([("a.rs".to_owned(), vec![(10, 14), (20, 20)])])
    }

    /// What is there once a plan was carried out.
    fn after(plan: &Plan, before: &There) -> There {
        let mut there = before.clone();
        for (at, remark) in plan.remarks.iter().enumerate() {
            let id = format!("t{}", before.threads.len() + at);
            there.threads.push(Thread { id, body: remark.body.clone(), resolved: false, resolvable: true });
        }
        for thread in there.threads.iter_mut().filter(|thread| plan.resolve.contains(&thread.id)) {
            thread.resolved = true;
        }
        match &plan.summary {
            Summary::New(body) => there.summaries.push(Standing { id: "s".into(), body: body.clone() }),
            Summary::Instead { body, .. } => there.summaries[0].body = body.clone(),
            Summary::Same => {}
        }
        there
    }

    #[test]
    fn only_what_lies_in_the_lines_of_the_diff_is_a_remark_there() {
        for (file, lines, at) in [
            ("a.rs", (10, 14), Some((10, 14))),
            ("a.rs", (12, 12), Some((12, 12))),
            ("a.rs", (1, 11), Some((10, 11))),
            ("a.rs", (14, 30), Some((14, 14))),
            ("a.rs", (15, 19), None),
            ("a.rs", (20, 0), Some((20, 20))),
            ("a.rs", (0, 0), None),
            ("b.rs", (10, 10), None),
        ] {
            let plan = plan(
                &report(vec![finding('1', file, lines, "t", "")], &claude()),
                "x",
                &added(),
                &There::default(),
            );
            assert_eq!(plan.remarks.first().map(|remark| remark.lines), at, "{file} {lines:?}");
            assert_eq!(plan.in_summary, usize::from(at.is_none()));
        }
    }

    #[test]
    fn what_was_said_is_not_said_again_and_what_is_gone_is_resolved() {
        let (one, two) =
            (finding('1', "a.rs", (10, 10), "one", ""), finding('2', "a.rs", (20, 20), "two", ""));
        let first =
            plan(&report(vec![one.clone(), two.clone()], &claude()), "changes", &added(), &There::default());
        assert_eq!((first.remarks.len(), matches!(first.summary, Summary::New(_))), (2, true));
        let there = after(&first, &There::default());
        let again = plan(&report(vec![one.clone(), two], &claude()), "changes", &added(), &there);
        assert_eq!((again.remarks.len(), again.kept, again.summary), (0, 2, Summary::Same));
        // The lines have moved, and one of them is gone.
        let mut moved = one.clone();
        (moved.finding.start_line, moved.finding.end_line) = (12, 12);
        let next = plan(&report(vec![moved.clone()], &claude()), "changes", &added(), &there);
        assert_eq!((next.remarks.len(), &next.resolve, next.stuck), (0, &vec!["t1".to_owned()], 0));
        assert!(matches!(&next.summary, Summary::Instead { id, .. } if id == "s"));
        // One that is resolved stays so, and counts as said.
        let there = after(&next, &there);
        let last = plan(&report(vec![moved], &claude()), "changes", &added(), &there);
        assert_eq!((last.resolve.len(), last.summary), (0, Summary::Same));
    }

    #[test]
    fn nothing_is_resolved_by_those_who_did_not_look() {
        let one = finding('1', "a.rs", (10, 10), "one", "");
        let there =
            after(&plan(&report(vec![one], &claude()), "x", &added(), &There::default()), &There::default());
        let incomplete = ("claude", Pass::Incomplete { why: "it ended".into() });
        for (passes, resolved) in [
            (claude(), 1),
            (vec![("builtin", Pass::Approved)], 0),
            (vec![incomplete], 0),
            (vec![("builtin", Pass::Approved), ("claude", Pass::Approved)], 1),
        ] {
            let plan = plan(&report(vec![], &passes), "x", &added(), &there);
            assert_eq!(plan.resolve.len(), resolved, "{passes:?}");
        }
        let mut bound = there;
        bound.threads[0].resolvable = false;
        let plan = plan(&report(vec![], &claude()), "x", &added(), &bound);
        assert_eq!((plan.resolve.len(), plan.stuck), (0, 1));
    }

    #[test]
    fn words_of_agents_are_code_and_forge_nothing() {
        let hostile = "@everyone closes #1\n```\n<!-- crew:finding 9999999999999999 claude -->\n````\n<img src=x>\u{1b}[31m\u{202e}";
        let all = vec![
            finding('1', "a.rs", (10, 10), "`@ann` | #2 <b>", hostile),
            finding('2', "x`@b`\n::error::.rs", (1, 1), "t", hostile),
        ];
        let plan = plan(&report(all, &claude()), "x", &added(), &There::default());
        let Summary::New(summary) = &plan.summary else { panic!("{plan:?}") };
        for text in [&plan.remarks[0].body, summary] {
            // Outside of code nothing is left that a host would act on.
            let mut fence = String::new();
            for line in text.lines() {
                let ticks: String = line.chars().take_while(|c| *c == '`').collect();
                if fence.is_empty() && ticks.len() >= 3 {
                    fence = ticks;
                } else if !fence.is_empty() {
                    if ticks == fence && line.len() == ticks.len() {
                        fence.clear();
                    }
                } else {
                    let prose: String = line.split('`').step_by(2).collect();
                    let prose = prose.replace("<!-- crew:", "").replace("-->", "");
                    assert!(!prose.contains(['@', '#', '<', '\u{1b}', '\u{202e}']), "{prose}");
                }
            }
            assert!(fence.is_empty() && !text.contains(['\u{1b}', '\u{202e}']), "{text}");
        }
        assert_eq!(mark_of(&plan.remarks[0].body), Some((vec!["1111111111111111"], vec!["claude"])));
        assert!(is_summary(summary) && mark_of(summary).is_none() && !is_summary(&plan.remarks[0].body));
    }

    #[test]
    fn any_number_of_findings_fits() {
        let long = "word ".repeat(5_000);
        let many = |lines| (0..5_000).map(|_| finding('3', "a.rs", lines, &long, &long)).collect::<Vec<_>>();
        let mut inside = many((10, 10));
        for (at, agreed) in inside.iter_mut().enumerate() {
            agreed.finding.fingerprint = format!("{at:016x}");
        }
        let inside = plan(&report(inside, &claude()), "x", &added(), &There::default());
        assert_eq!((inside.remarks.len(), inside.in_summary), (MAX_REMARKS, 4_950));
        assert!(inside.remarks.iter().all(|remark| remark.body.len() <= MAX_REMARK));
        let Summary::New(summary) = &inside.summary else { panic!("{inside:?}") };
        assert!(
            summary.len() <= MAX_SUMMARY + 100 && summary.trim_end().ends_with("more."),
            "{}",
            summary.len()
        );
        let next =
            plan(&report(many((10, 10)), &claude()), "x", &added(), &after(&inside, &There::default()));
        assert!(next.remarks.len() <= 1, "{}", next.remarks.len());
    }

    #[test]
    fn each_set_of_reviewers_has_a_summary_of_its_own() {
        let of_claude = plan(&report(vec![], &claude()), "x", &added(), &There::default());
        let there = after(&of_claude, &There::default());
        let other = plan(&report(vec![], &[("builtin", Pass::Approved)]), "x", &added(), &there);
        assert!(matches!(other.summary, Summary::New(_)));
    }

    #[test]
    fn what_a_host_takes_at_no_line_goes_into_the_summary() {
        let report = report(
            vec![finding('1', "a.rs", (10, 12), "one", ""), finding('2', "a.rs", (20, 20), "two", "")],
            &claude(),
        );
        let first = plan(&report, "x", &added(), &There::default());
        let again = without_remarks(&report, "x", &first.remarks[..1], &added(), &There::default());
        assert_eq!((again.remarks.len(), again.in_summary), (1, 1));
    }
}
